import { type Document, parseDocument } from "yaml";
import { type FilterKey, filterId } from "../../model/filter.ts";
import { API_VERSION, KIND, type ObjectMeta, type WasmFilter } from "../../model/gen/wasmfilter.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { ROLLOUT_ABORT, ROLLOUT_PAUSED, ROLLOUT_PROMOTE } from "./annotations.ts";
import { type Applied, byName, type FilterPatch, type FleetClient } from "./client.ts";
import {
  addObject,
  editObject,
  type Folder,
  type ObjectId,
  type Path,
  type Placed,
  readFolder,
  removeObject,
  replaceObject,
} from "./manifest-files.ts";
import type { ManifestText } from "./manifests.ts";
import { createServerClient, type ServerClient } from "./server.ts";

export function openFolder(dir: string, options: { readonly namespace: string | undefined; readonly server: string }): Result<FleetClient> {
  const server = createServerClient(options.server);
  return server.ok ? ok(createFolderClient(dir, options.namespace ?? "default", server.value)) : server;
}

/** A folder of manifests as the place of the desired state. Statuses come from the server; when it does not answer they are left out, and a note says so. */
export function createFolderClient(dir: string, namespace: string, server: Pick<ServerClient, "filters">): FleetClient {
  const notes: string[] = [];

  async function read(): Promise<Result<Folder>> {
    const folder = await readFolder(dir);
    if (folder.ok) notes.push(...folder.value.problems);
    return folder;
  }

  async function filters(): Promise<Result<WasmFilter[]>> {
    const [folder, running] = await Promise.all([read(), server.filters()]);
    if (!folder.ok) return folder;
    if (!running.ok) notes.push(`no status: ${running.error.message}`);
    const known = new Map((running.ok ? running.value : []).map((filter) => [filterId(keyOf(filter)), filter]));
    const first = new Map<string, WasmFilter>();
    for (const { id, object } of folder.value.placed) {
      if (id.kind === KIND && !first.has(filterId(id))) first.set(filterId(id), joinStatus(id, object, known.get(filterId(id))));
    }
    return ok([...first.values()].sort(byName));
  }

  async function find(id: ObjectId): Promise<Result<Placed | undefined>> {
    const folder = await read();
    return folder.ok ? ok(folder.value.placed.find(({ id: each }) => sameId(each, id))) : folder;
  }

  async function change(key: FilterKey, run: (placed: Placed) => Promise<Result<void>>): Promise<Result<void>> {
    const placed = await find({ kind: KIND, ...key });
    if (!placed.ok) return placed;
    return placed.value === undefined ? notFound(dir, key) : run(placed.value);
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
    apply: (manifest) => apply(manifest, { dir, namespace, find }),
    patch: (key, patch) => change(key, (placed) => editObject(placed, changesOf(patch))),
    remove: (key) => change(key, removeObject),
    notes: () => notes,
  };
}

function notFound(dir: string, key: FilterKey): Result<never> {
  return fail(
    "NotFound",
    `no WasmFilter ${filterId(key)} in the manifests of ${dir}; \`weir get -A\` lists them, -n chooses the namespace`,
  );
}

function keyOf({ metadata }: WasmFilter): FilterKey {
  return { namespace: metadata.namespace ?? "default", name: metadata.name };
}

function sameId(a: ObjectId, b: ObjectId): boolean {
  return a.kind === b.kind && a.namespace === b.namespace && a.name === b.name;
}

/**
 * The manifest with the identity and status that the server gave it. Where the server has not read this spec yet, the generation is the one
 * it will get, so that the status shows as older than the spec.
 */
function joinStatus({ namespace, name }: ObjectId, object: Readonly<Record<string, unknown>>, known: WasmFilter | undefined): WasmFilter {
  const { spec, metadata } = object as unknown as WasmFilter;
  const { labels, annotations } = metadata;
  const current = known !== undefined && JSON.stringify(known.spec) === JSON.stringify(spec);
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

function changesOf({ digest, annotations }: FilterPatch): { readonly path: Path; readonly value: string | undefined }[] {
  const fields = Object.entries(annotations ?? {}).map(([name, value]) => ({
    path: ["metadata", "annotations", name],
    value: value ?? undefined,
  }));
  return digest === undefined ? fields : [{ path: ["spec", "digest"], value: digest ?? undefined }, ...fields];
}

interface ApplyTo {
  readonly dir: string;
  readonly namespace: string;
  find(id: ObjectId): Promise<Result<Placed | undefined>>;
}

async function apply({ manifest, text }: ManifestText, { dir, namespace, find }: ApplyTo): Promise<Result<Applied>> {
  const id = { kind: manifest.kind, namespace: manifest.metadata.namespace ?? namespace, name: manifest.metadata.name };
  const document = parseDocument(text, { merge: true });
  if (id.namespace !== "default" && manifest.metadata.namespace === undefined) document.setIn(["metadata", "namespace"], id.namespace);
  const refused = await refusal(id, document.toJS());
  if (refused !== undefined) return refused;
  const found = await find(id);
  if (!found.ok) return found;
  if (found.value === undefined) {
    const added = await addObject(dir, id, document, text);
    return added.ok ? ok({ ...id, action: "created", file: added.value }) : added;
  }
  const { file, object } = found.value;
  const pin = keep(document, object);
  const applied = { ...id, file: file.path, ...(pin === undefined ? {} : { pin }) };
  if (JSON.stringify(document.toJS()) === JSON.stringify(object)) return ok({ ...applied, action: "unchanged" });
  const written = await replaceObject(found.value, document, text);
  return written.ok ? ok({ ...applied, action: "configured" }) : written;
}

/** What an API server would refuse is refused before it is written. */
async function refusal(id: ObjectId, object: unknown): Promise<Result<never> | undefined> {
  if (id.kind !== KIND) return undefined;
  const { parseFilter } = await import("../../operator/index.ts");
  const parsed = parseFilter(object);
  return parsed.ok ? undefined : parsed;
}

/** What people set through commands stays when a manifest does not mention it, as in a cluster. Returns the pin that stays. */
function keep(document: Document, before: Readonly<Record<string, unknown>>): string | undefined {
  const { spec, metadata } = before as unknown as WasmFilter;
  for (const name of [ROLLOUT_PAUSED, ROLLOUT_PROMOTE, ROLLOUT_ABORT]) {
    const value = metadata.annotations?.[name];
    if (value !== undefined && !document.hasIn(["metadata", "annotations", name])) document.setIn(["metadata", "annotations", name], value);
  }
  if (spec?.digest === undefined || document.hasIn(["spec", "digest"])) return undefined;
  document.setIn(["spec", "digest"], spec.digest);
  return spec.digest;
}
