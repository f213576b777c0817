import { isDeepStrictEqual } from "node:util";
import type { KubeConfig } from "@kubernetes/client-node";
import type { Clock } from "../../../model/clock.ts";
import { type FilterKey, filterId } from "../../../model/filter.ts";
import type { WasmFilter, WasmFilterStatus } from "../../../model/gen/wasmfilter.ts";
import type { Log } from "../../../model/log.ts";
import { fail, ok } from "../../../model/result.ts";
import { createChangeNotifier } from "../change-notifier.ts";
import type { Source } from "../source.ts";
import { type ApiFailure, createKubeApi } from "./api.ts";
import { createEventWriter } from "./events.ts";
import { namedBy } from "./named.ts";
import { createReferences } from "./references.ts";
import { type KubeObject, type Reflector, startReflector } from "./reflector.ts";
import { createRevisionStore } from "./revisions.ts";
import { writeStatus } from "./status.ts";

export interface KubernetesSourceOptions {
  readonly kubeConfig: KubeConfig;
  readonly log: Log;
  readonly clock: Clock;
  /** Only this namespace's WasmFilters; `undefined`: every namespace's. */
  readonly namespace?: string;
  /** 0 to 1, for jitter and names. Default: Math.random. */
  readonly random?: () => number;
  /** Longest wait for one answer of the API server. Default 10 s. */
  readonly timeoutMs?: number;
}

const GROUP = "/apis/weir.dev/v1alpha1";
const EXPIRE_EVERY_MS = 60_000;

/**
 * The desired state from a Kubernetes API server. While that is away, everything known stays as it is, `problems()` says so, and the
 * watch comes back by itself. `start()` waits for the first list as long as it takes.
 */
export function createKubernetesSource(options: KubernetesSourceOptions): Source {
  const { kubeConfig, log, clock, namespace, random = Math.random, timeoutMs = 10_000 } = options;
  const api = createKubeApi({ kubeConfig, timeoutMs });
  const description = `cluster ${api.server}`;
  const changes = createChangeNotifier();
  const references = createReferences({ api, clock, log, random, onChange: changes.reference, patienceMs: timeoutMs });
  const revisions = createRevisionStore({ api, log });
  const events = createEventWriter({ api, clock, log, random });
  const filters = new Map<string, WasmFilter>();
  /** What was written last, to tell it from what others write. By uid. */
  const written = new Map<string, WasmFilterStatus>();
  let trouble: ApiFailure | undefined;
  let reflector: Reflector | undefined;
  let cancelExpiry: () => void = () => {};

  function put(raw: KubeObject): void {
    const object = slim(raw);
    const id = filterId(keyOf(object));
    const before = filters.get(id);
    filters.set(id, object);
    if (before === undefined || differs(before, object)) changes.filter(id);
  }

  /** A status that only echoes what was written here is no change. */
  function differs(before: WasmFilter, now: WasmFilter): boolean {
    if (!isDeepStrictEqual(essence(before), essence(now))) return true;
    return !isDeepStrictEqual(before.status, now.status) && !isDeepStrictEqual(written.get(now.metadata.uid ?? ""), now.status);
  }

  function remove(id: string): void {
    written.delete(filters.get(id)?.metadata.uid ?? "");
    if (filters.delete(id)) changes.filter(id);
  }

  function replace(objects: readonly KubeObject[]): void {
    const listed = new Set(objects.map((object) => filterId(keyOf(object as unknown as WasmFilter))));
    for (const id of [...filters.keys()]) if (!listed.has(id)) remove(id);
    for (const object of objects) put(object);
  }

  function onTrouble(failure: ApiFailure | undefined): void {
    if (failure !== undefined && trouble?.message !== failure.message)
      log.error("WasmFilters cannot be watched; trying again", { cluster: api.server, problem: explain(failure) });
    if (failure === undefined) log.info("WasmFilters are watched again", { cluster: api.server });
    trouble = failure;
  }

  function expire(): void {
    const named = new Set([...filters.values()].flatMap(namedBy));
    references.expire((id) => named.has(id));
    cancelExpiry = clock.after(EXPIRE_EVERY_MS, expire);
  }

  function onEvent(type: "ADDED" | "MODIFIED" | "DELETED", object: KubeObject): void {
    const id = filterId(keyOf(object as unknown as WasmFilter));
    const held = filters.get(id);
    // A status write puts its answer here before the watch has brought what came earlier.
    if (held?.metadata.uid === object.metadata.uid && isOlder(object.metadata.resourceVersion, held.metadata.resourceVersion)) return;
    if (type === "DELETED") remove(id);
    else put(object);
  }

  return {
    description,
    async start() {
      const path = namespace === undefined ? `${GROUP}/wasmfilters` : collection(namespace);
      reflector = startReflector({ api, path, clock, random, onList: replace, onEvent, onTrouble });
      cancelExpiry = clock.after(EXPIRE_EVERY_MS, expire);
      await reflector.listed;
    },
    async stop() {
      cancelExpiry();
      await Promise.all([reflector?.stop(), references.stop()]);
    },
    filters: () => filters,
    secret: (space, name) => references.read("secret", space, name),
    configMap: (space, name) => references.read("configmap", space, name),
    revisions: revisions.list,
    saveRevision: revisions.save,
    deleteRevision: revisions.remove,
    async writeStatus(key, uid, status) {
      const known = filters.get(filterId(key));
      if (known?.metadata.uid !== uid) return fail("ObjectGone", `WasmFilter ${filterId(key)} was removed or replaced`);
      written.set(uid, JSON.parse(JSON.stringify(status)) as WasmFilterStatus);
      const result = await writeStatus({
        api,
        path: `${collection(key.namespace)}/${encodeURIComponent(key.name)}`,
        key,
        uid,
        known,
        status,
      });
      if (!result.ok) return result;
      // The watch will bring the same; until then nobody should see the old one. What it brought meanwhile is newer and stays.
      if (filters.get(filterId(key)) === known && result.value !== known) filters.set(filterId(key), slim(result.value));
      return ok(undefined);
    },
    event: events.write,
    problems: () => (trouble === undefined ? new Map() : new Map([[description, explain(trouble)]])),
    onChange: changes.onChange,
  };
}

function collection(namespace: string): string {
  return `${GROUP}/namespaces/${encodeURIComponent(namespace)}/wasmfilters`;
}

function keyOf({ metadata: { namespace = "default", name } }: WasmFilter): FilterKey {
  return { namespace, name };
}

/** Versions of one resource rise with time. https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions */
function isOlder(version: string, than: string | undefined): boolean {
  const [a, b] = [version, than ?? ""];
  return /^\d+$/.test(a) && /^\d+$/.test(b) && BigInt(a) < BigInt(b);
}

/** Without the bookkeeping of server-side apply, often larger than the object itself. */
function slim(raw: WasmFilter | KubeObject): WasmFilter {
  const { managedFields: _, ...metadata } = raw.metadata as Readonly<Record<string, unknown>>;
  return { ...raw, metadata } as unknown as WasmFilter;
}

/** What of an object matters to those who read it. */
function essence({ metadata: { uid, generation, labels, annotations, deletionTimestamp }, spec }: WasmFilter): unknown {
  return { uid, generation, labels, annotations, deletionTimestamp, spec };
}

function explain({ status, message }: ApiFailure): string {
  if (status === 404) return "the cluster does not know WasmFilters; install the CRD: kubectl apply -f crds/";
  if (status === 401) return `the API server does not accept the credentials: ${message}`;
  if (status === 403) return `${message}; grant the operator its ClusterRole`;
  return message;
}
