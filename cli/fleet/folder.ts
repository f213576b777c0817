import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { REFRESH, ROLLOUT_ABORT, ROLLOUT_PAUSED, ROLLOUT_PROMOTE } from "../../model/annotations.ts";
import { printExactJson } from "../../model/exact-json.ts";
import { type FilterKey, filterId } from "../../model/filter.ts";
import { type FilterPatch, patchedFields } from "../../model/filter-patch.ts";
import { API_VERSION, KIND, type ObjectMeta, type WasmFilter } from "../../model/gen/wasmfilter.ts";
import { POLICY_KIND, type WasmPolicy } from "../../model/gen/wasmpolicy.ts";
import type { Fields } from "../../model/kube.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import {
  type Assembly,
  addMissing,
  applyManifest,
  audited,
  configMapData,
  deleteManifest,
  describeProblems,
  describeViolation,
  isClusterScoped,
  judgeBeforehand,
  patchManifest,
  permitted,
  policyProblems,
  readFolder,
  sameData,
  secretData,
  withoutNulls,
} from "../../operator/index.ts";
import {
  type Applied,
  byName,
  changedSince,
  type FleetClient,
  keyOf,
  type Manifest,
  type ManifestText,
  type ObjectId,
  type Preview,
} from "./client.ts";
import { objectOf, parseManifests } from "./manifests.ts";
import { createServerClient, type ServerClient, type ServerOptions } from "./server.ts";

export function openFolder(
  dir: string,
  options: ServerOptions & { readonly namespace: string | undefined; readonly server: string },
): Result<FleetClient> {
  const server = createServerClient(options.server, options);
  return server.ok ? ok(createFolderClient(dir, options.namespace ?? "default", server.value)) : server;
}

/** A fleet whose desired state is a folder of manifests. Statuses come from the server; if it does not answer, they are left out and a note says so. */
export function createFolderClient(
  dir: string,
  namespace: string,
  server: Pick<ServerClient, "filters" | "policies" | "revisions">,
): FleetClient {
  const notes: string[] = [];
  let knowsStatus = true;

  async function filters(): Promise<Result<WasmFilter[]>> {
    const [folder, running] = await Promise.all([readFolder(dir), server.filters()]);
    if (!folder.ok) return folder;
    for (const [file, problem] of folder.value.problems) notes.push(`${join(dir, file)}: ${problem}`);
    knowsStatus = running.ok;
    if (!running.ok) notes.push(`no status: ${running.error.message}`);
    const known = new Map((running.ok ? running.value : []).map((filter) => [filterId(keyOf(filter)), filter]));
    const all = [...folder.value.filters].map(([id, { fields }]) => joinStatus(id, filterOf(fields), known.get(id)));
    return ok(all.sort(byName));
  }

  return {
    description: `folder ${dir}`,
    namespace,
    async list(wanted) {
      const all = await filters();
      return all.ok ? ok(all.value.filter(({ metadata }) => wanted === undefined || metadata.namespace === wanted)) : all;
    },
    async get(key) {
      const all = await filters();
      if (!all.ok) return all;
      const filter = all.value.find((each) => filterId(keyOf(each)) === filterId(key));
      return filter === undefined ? notFound(dir, key) : ok(filter);
    },
    async policies() {
      const [folder, running] = await Promise.all([readFolder(dir), server.policies()]);
      if (!folder.ok) return folder;
      for (const [file, problem] of folder.value.problems) notes.push(`${join(dir, file)}: ${problem}`);
      knowsStatus = running.ok;
      if (!running.ok) notes.push(`no status: ${running.error.message}`);
      const known = new Map((running.ok ? running.value : []).map((policy) => [policy.metadata.name, policy]));
      return ok(Array.from(folder.value.policies, ([name, { fields }]) => policyOf(fields, known.get(name))).sort(byName));
    },
    apply: (manifest) => apply(manifest, dir, namespace),
    preview: (manifest) => preview(manifest, dir, namespace),
    async patch(key, patch, { dryRun = false, seen } = {}) {
      const unchanged = seen === undefined ? ok(undefined) : await mustBe(dir, key, seen);
      return !unchanged.ok || dryRun ? unchanged : patchFolder(dir, key, patch);
    },
    async remove(key) {
      const done = await deleteManifest(dir, KIND, key);
      return done.ok ? ok(undefined) : done;
    },
    revisions: (filter) => server.revisions(keyOf(filter)),
    knowsStatus: () => knowsStatus,
    notes: () => notes,
  };
}

/** Sets the fields one by one, the reason first; the rest of the manifest stays as it is, comments too. */
export async function patchFolder(dir: string, key: FilterKey, patch: FilterPatch): Promise<Result<void>> {
  for (const { path, value } of patchedFields(patch)) {
    const done = await patchManifest(dir, key, path, value ?? undefined);
    if (!done.ok) return done;
  }
  return ok(undefined);
}

/** The filter has still the spec that was seen. */
async function mustBe(dir: string, key: FilterKey, seen: WasmFilter): Promise<Result<void>> {
  const folder = await readFolder(dir);
  if (!folder.ok) return folder;
  const placed = folder.value.filters.get(filterId(key));
  if (placed === undefined) return notFound(dir, key);
  return isDeepStrictEqual(filterOf(placed.fields).spec, seen.spec) ? ok(undefined) : changedSince(key);
}

/** A field that is null is not set. */
function filterOf(fields: Fields): WasmFilter {
  return withoutNulls(fields) as unknown as WasmFilter;
}

function notFound(dir: string, key: FilterKey): Result<never> {
  return fail("NotFound", `no manifest in ${dir} holds WasmFilter ${filterId(key)}; \`weir get -A\` lists them, -n chooses the namespace`);
}

/**
 * The manifest with the identity and status that the server knows. If the server has not read this spec yet, the generation is the one that it
 * will get, so that the status shows as older than the spec.
 */
function joinStatus(id: string, { spec, metadata }: WasmFilter, known: WasmFilter | undefined): WasmFilter {
  const { name, labels, annotations } = metadata;
  const namespace = id.slice(0, id.indexOf("/"));
  const current = known !== undefined && printExactJson(filterOf({ spec: known.spec }).spec) === printExactJson(spec);
  const generation = known?.metadata.generation === undefined ? undefined : known.metadata.generation + (current ? 0 : 1);
  const identity: ObjectMeta = {
    ...known?.metadata,
    name,
    namespace,
    ...(generation === undefined ? {} : { generation }),
    ...(labels === undefined ? {} : { labels }),
    ...(annotations === undefined ? {} : { annotations }),
  };
  return {
    apiVersion: API_VERSION,
    kind: KIND,
    metadata: identity,
    spec: spec ?? {},
    ...(known?.status === undefined ? {} : { status: known.status }),
  };
}

/** A policy with the status that the server knows. One of another spec is of before a change that the server has not read yet. */
function policyOf(fields: Fields, known: WasmPolicy | undefined): WasmPolicy {
  const written = withoutNulls(fields) as unknown as WasmPolicy;
  const { status: _, ...policy } = written;
  const isCurrent = known?.status !== undefined && printExactJson(known.spec) === printExactJson(policy.spec);
  return isCurrent ? { ...policy, status: known.status } : policy;
}

async function apply({ manifest, text, format }: ManifestText, dir: string, namespace: string): Promise<Result<Applied>> {
  const folder = await readFolder(dir);
  if (!folder.ok) return folder;
  const id = objectOf(manifest, namespace);
  const judged = id.kind === KIND ? await judgedBy(manifest, id.namespace, folder.value) : ok([]);
  if (!judged.ok) return judged;
  const before = id.kind === KIND ? folder.value.filters.get(filterId(id)) : undefined;
  const kept = before === undefined ? { text, pin: undefined } : keep(text, filterOf(before.fields));
  // Additions are written as YAML.
  const edited = await applyManifest(dir, kept.text, kept.text === text ? format : "yaml", namespace);
  if (!edited.ok) return edited;
  const [done] = edited.value;
  const action = done?.change === "created" || done?.change === "unchanged" ? done.change : "configured";
  return ok({
    ...id,
    action,
    ...(judged.value.length === 0 ? {} : { warnings: judged.value }),
    ...(done === undefined ? {} : { file: join(dir, done.file) }),
    ...(kept.pin === undefined ? {} : { pin: kept.pin }),
  });
}

/** The object as `apply` would write it. */
async function preview(given: ManifestText, dir: string, namespace: string): Promise<Result<Preview>> {
  const folder = await readFolder(dir);
  if (!folder.ok) return folder;
  const { kind } = given.manifest;
  const id = objectOf(given.manifest, namespace);
  const place = (manifest: Manifest): Fields => ({ ...manifest, metadata: { ...manifest.metadata, namespace: id.namespace } });
  if (isClusterScoped(kind)) return ok(previewOfRule(given.manifest, id, folder.value));
  if (kind !== KIND) {
    const [held, dataOf] =
      kind === "Secret" ? ([folder.value.secrets, secretData] as const) : ([folder.value.configMaps, configMapData] as const);
    const problems: string[] = [];
    const data = dataOf(given.manifest, (problem) => void problems.push(problem));
    if (problems.length > 0) return fail("InvalidManifest", `${kind} ${filterId(id)}: ${problems.join(" | ")}`);
    const before = held.get(filterId(id));
    const action = before === undefined ? "created" : sameData(before.data, data) ? "unchanged" : "configured";
    return ok({ ...id, action, object: place(given.manifest) });
  }
  const placed = folder.value.filters.get(filterId(id));
  if (placed === undefined) return ok({ ...id, action: "created", object: place(given.manifest) });
  const before = filterOf(placed.fields);
  const kept = keep(given.text, before);
  const whole = kept.text === given.text ? ok([given]) : parseManifests(kept.text, given.where);
  if (!whole.ok) return whole;
  const object = place(whole.value[0]?.manifest ?? given.manifest);
  const same = isDeepStrictEqual(withoutNulls(object), place(before as unknown as Manifest));
  return ok({ ...id, action: same ? "unchanged" : "configured", object, ...(kept.pin === undefined ? {} : { pin: kept.pin }) });
}

/** What a person should know before a filter is written; fails where a policy of the folder forbids it. */
async function judgedBy(manifest: Manifest, namespace: string, folder: Assembly): Promise<Result<readonly string[]>> {
  // Loaded where there is something to judge by.
  if (folder.policies.size === 0) return ok([]);
  const { canonicalRepository } = await import("../../oci/index.ts");
  const placed = { ...manifest, metadata: { ...manifest.metadata, namespace } };
  const { violations, unknown } = judgeBeforehand(placed, folder, canonicalRepository);
  const allowed = permitted(violations);
  if (!allowed.ok) return allowed;
  return ok(
    unknown === undefined ? audited(violations).map(describeViolation) : [`${unknown}; nothing new goes out before that is mended`],
  );
}

/** A policy, or a namespace with its labels. */
function previewOfRule(manifest: Manifest, id: ObjectId, { policies, namespaces }: Assembly): Preview {
  const held = (id.kind === POLICY_KIND ? policies : namespaces).get(id.name)?.fields;
  const problems = id.kind === POLICY_KIND ? policyProblems(manifest) : [];
  const action = held === undefined ? "created" : isDeepStrictEqual(held, manifest) ? "unchanged" : "configured";
  if (problems.length === 0) return { ...id, action, object: manifest };
  const refusal = { reason: "InvalidSpec", message: describeProblems(problems), retryable: false };
  return { ...id, action, object: manifest, refusal };
}

const PIN = ["spec", "digest"] as const;

/** What commands set stays if the manifest does not mention it, as in a cluster. */
function keep(text: string, { spec, metadata }: WasmFilter): { readonly text: string; readonly pin: string | undefined } {
  const commands = [REFRESH, ROLLOUT_PAUSED, ROLLOUT_PROMOTE, ROLLOUT_ABORT].map((name) => ({
    path: ["metadata", "annotations", name],
    value: metadata.annotations?.[name],
  }));
  const kept = addMissing(text, [{ path: PIN, value: spec?.digest }, ...commands]);
  return { text: kept.text, pin: kept.added.some(({ path }) => path === PIN) ? spec?.digest : undefined };
}
