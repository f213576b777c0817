/** Generates the templates of charts/weir-crds from crds/. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const CRDS = fileURLToPath(new URL("../crds/", import.meta.url));

/** Writes a template for each CRD. The same CRDs give the same text. */
export function generateChartCrds(into: string): void {
  for (const name of readdirSync(CRDS)) {
    if (name.endsWith(".yaml")) writeFileSync(join(into, name), template(name, readFileSync(join(CRDS, name), "utf8")));
  }
}

/**
 * The CRD as a template that an uninstall keeps: every object of the kind would go with it.
 * https://helm.sh/docs/howto/charts_tips_and_tricks/#tell-helm-not-to-uninstall-a-resource
 */
export function template(name: string, crd: string): string {
  if (crd.includes("{{")) throw new Error(`crds/${name} holds "{{", which a template would act on`);
  const kept = crd.replace(/^metadata:\n/m, "metadata:\n  annotations:\n    helm.sh/resource-policy: keep\n");
  if (kept === crd) throw new Error(`crds/${name} has no line "metadata:"`);
  return `# Generated from crds/${name} by scripts/generate-chart-crds.ts. Do not edit; run: npm run generate\n${kept}`;
}
