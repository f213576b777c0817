import { fieldsOf, recordsOf } from "../../base/json.ts";
import { KIND } from "../../model/gen/wasmfilter.ts";
import type { FilterPlan } from "../../model/plan.ts";
import { ok, type Result } from "../../model/result.ts";
import { isClusterScoped } from "../../operator/index.ts";
import type { FleetClient, ManifestText, Preview } from "./client.ts";
import type { ServerClient } from "./server.ts";

/** What would become of one object of a manifest. Of a Secret or a ConfigMap nothing but that is told. */
export type PlannedObject =
  | ({ readonly kind: typeof KIND; readonly pin?: string } & FilterPlan)
  | {
      readonly kind: string;
      readonly namespace: string;
      readonly name: string;
      readonly action: FilterPlan["action"];
      readonly refusal?: FilterPlan["refusal"];
    };

/**
 * Plans manifests in their order: the fleet says what each object would be once applied, the server what follows from that. The server gets the filters, what
 * would change of policies and namespaces, and of the Secrets and ConfigMaps those that a filter among them names.
 */
export async function planManifests(
  manifests: readonly ManifestText[],
  fleet: FleetClient,
  server: ServerClient,
): Promise<Result<readonly PlannedObject[]>> {
  const previews: Preview[] = [];
  for (const manifest of manifests) {
    const preview = await fleet.preview(manifest);
    if (!preview.ok) return { ok: false, error: { ...preview.error, message: `${manifest.where}: ${preview.error.message}` } };
    previews.push(preview.value);
  }
  const filters = previews.filter(({ kind, refusal }) => kind === KIND && refusal === undefined);
  const named = new Set(filters.flatMap(namedBy));
  const beside = previews.filter((preview) => named.has(idOf(preview)) || isNewRule(preview));
  const sent = [...filters, ...beside].map(({ object }) => object);
  const plans = filters.length === 0 ? ok([]) : await server.plan(sent);
  if (!plans.ok) return plans;
  const known = new Map(plans.value.map((plan) => [`${KIND}/${plan.namespace}/${plan.name}`, plan]));
  return ok(previews.map((preview) => joined(preview, known.get(idOf(preview)))));
}

/** A policy, or a namespace with its labels, that rules filters otherwise than what is there. The server asks who may apply it, so what stays is not sent. */
function isNewRule({ kind, action, refusal }: Preview): boolean {
  return isClusterScoped(kind) && action !== "unchanged" && refusal === undefined;
}

/** What the API server refuses goes no further. */
function joined({ kind, namespace, name, action, pin, refusal }: Preview, plan: FilterPlan | undefined): PlannedObject {
  if (refusal !== undefined) return { kind, namespace, name, action: "refused", refusal: { condition: "Accepted", ...refusal } };
  if (plan !== undefined) return { kind: KIND, ...plan, ...(pin === undefined ? {} : { pin }) };
  return { kind, namespace, name, action: action === "configured" ? "changed" : action };
}

function idOf({ kind, namespace, name }: Preview): string {
  return `${kind}/${namespace}/${name}`;
}

/** The Secrets and ConfigMaps that a filter refers to. */
function namedBy({ namespace, object }: Preview): string[] {
  const spec = fieldsOf(object.spec);
  const from = fieldsOf(spec.configFrom);
  const signers = recordsOf(spec.verify).map(({ cosign }) => fieldsOf(cosign));
  const keys = signers.map(({ publicKeySecret }) => fieldsOf(publicKeySecret));
  const roots = signers.map(({ keyless }) => fieldsOf(fieldsOf(fieldsOf(keyless).trustRoot).configMapKeyRef));
  const secrets = [fieldsOf(from.secretKeyRef), ...recordsOf(spec.pullSecrets), ...keys].map(({ name }) => `Secret/${namespace}/${name}`);
  return [...secrets, ...[fieldsOf(from.configMapKeyRef), ...roots].map(({ name }) => `ConfigMap/${namespace}/${name}`)];
}
