import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ROOT } from "./tests/files.ts";
import { installGoTool } from "./tools/go.ts";
import { runOk, ToolError } from "./tools/run.ts";

/** What `helm template` says of the charts, and where it is kept: path below the project's folder to text. */
export type Renders = ReadonlyMap<string, string>;

const CASES = "test/fixtures/charts";
const INSTALL = "deploy/install.yaml";

const INSTALL_HEAD = `# Generated from charts/weir by \`npm run charts\`. Do not edit.
#
# Weir with the values of the chart as they are, for those who use no Helm. Weir's images are not published yet (docs/install.md), so say where yours are:
#
#   sed 's#REGISTRY/#registry.example/team/#' deploy/install.yaml | kubectl apply --server-side -f -
#
apiVersion: v1
kind: Namespace
metadata:
  name: weir-system
  labels:
    pod-security.kubernetes.io/enforce: restricted
`;

/** Renders deploy/install.yaml, and for each `test/fixtures/charts/NAME/values.yaml` the file rendered.yaml beside it. Needs no cluster. */
export async function renderAll(): Promise<Renders> {
  const renders = new Map<string, string>();
  const install = await render(["--set", "image.repository=REGISTRY/weir", "--set", "proxyImage.repository=REGISTRY/weir-envoy"]);
  renders.set(INSTALL, INSTALL_HEAD + install);
  const entries = await readdir(join(ROOT, CASES), { withFileTypes: true });
  for (const { name } of entries.filter((entry) => entry.isDirectory()))
    renders.set(`${CASES}/${name}/rendered.yaml`, await render(["--values", join(ROOT, CASES, name, "values.yaml")]));
  return renders;
}

/** The paths of renders that the files do not hold. */
export async function outdated(renders: Renders): Promise<string[]> {
  const found: string[] = [];
  for (const [path, text] of renders) {
    if ((await readFile(join(ROOT, path), "utf8").catch(() => undefined)) !== text) found.push(path);
  }
  return found;
}

async function render(values: readonly string[]): Promise<string> {
  const args = ["template", "weir", join(ROOT, "charts/weir"), "--namespace", "weir-system", "--skip-tests", ...values];
  return runOk(await installGoTool("helm"), args);
}

if (import.meta.main) {
  try {
    for (const [path, text] of await renderAll()) await writeFile(join(ROOT, path), text);
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
