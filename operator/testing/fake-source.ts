import type { WasmFilter, WasmFilterSpec, WasmFilterStatus } from "../../model/gen/wasmfilter.ts";
import type { WasmPolicyStatus } from "../../model/gen/wasmpolicy.ts";
import { fail, failForNow, ok } from "../../model/result.ts";
import { type Revision, withoutSecretText } from "../../model/revision.ts";
import type { Versioned } from "../source/data.ts";
import { NO_POLICIES, type Policies } from "../source/policies.ts";
import type { FilterEvent, Source, SourceChange } from "../source/source.ts";

/** A source in memory that outlives the operators using it, as an API server would. */
export interface FakeSource extends Source {
  /** Makes the object or replaces its spec (generation moves on) and annotations. */
  apply(name: string, spec: WasmFilterSpec, options?: { namespace?: string; annotations?: Record<string, string>; created?: string }): void;
  remove(name: string, namespace?: string): void;
  /** The snapshot of policies from now on. */
  setPolicies(policies: Policies): void;
  /** In any namespace, where none is said. */
  setSecret(name: string, data: Record<string, string> | undefined, namespace?: string): void;
  statusOf(name: string, namespace?: string): WasmFilterStatus | undefined;
  /** Called with every status that is written. */
  onStatus: (filter: string, status: WasmFilterStatus) => void;
  /** By name of the policy. */
  readonly policyStatuses: Map<string, WasmPolicyStatus>;
  readonly events: { filter: string; event: FilterEvent }[];
  /** True: every write fails, as with an API server that is down. */
  down: boolean;
  /** Set: a write of a status is answered when this resolves. */
  hanging: Promise<void> | undefined;
}

export function createFakeSource(): FakeSource {
  const objects = new Map<string, WasmFilter>();
  const statuses = new Map<string, WasmFilterStatus>();
  const revisions = new Map<string, Revision[]>();
  const secrets = new Map<string, Versioned>();
  let writes = 0;
  const listeners = new Set<(change: SourceChange) => void>();
  const events: { filter: string; event: FilterEvent }[] = [];
  let uids = 0;
  let policies = NO_POLICIES;

  function notify(filters: string[], references: string[] = []): void {
    for (const listener of [...listeners]) listener({ filters: new Set(filters), references: new Set(references) });
  }

  const source: FakeSource = {
    down: false,
    hanging: undefined,
    onStatus: () => {},
    policyStatuses: new Map(),
    events,
    description: "memory",
    start: async () => {},
    stop: async () => {},
    isFollowed: () => !source.down,
    filters() {
      const all = new Map<string, WasmFilter>();
      for (const [id, object] of objects) {
        const status = statuses.get(id);
        all.set(id, status === undefined ? object : { ...object, status });
      }
      return all;
    },
    policies: () => policies,
    setPolicies(now) {
      policies = now;
      for (const listener of [...listeners]) listener({ filters: new Set(), references: new Set(), policies: true });
    },
    async secret(namespace, name) {
      const data = secrets.get(`${namespace}/${name}`) ?? secrets.get(name);
      return data === undefined ? fail("SecretNotFound", `Secret ${namespace}/${name} does not exist`) : ok(data);
    },
    configMap: async (namespace, name) => fail("ConfigMapNotFound", `ConfigMap ${namespace}/${name} does not exist`),
    revisions: async (_key, uid) => ok([...(revisions.get(uid) ?? [])]),
    async saveRevision(_key, uid, revision) {
      if (source.down) return failForNow("Down", "the source is down");
      revisions.set(uid, [...(revisions.get(uid) ?? []).filter(({ number }) => number !== revision.number), withoutSecretText(revision)]);
      return ok(undefined);
    },
    rewriteRevision: (key, uid, revision) => source.saveRevision(key, uid, revision),
    async deleteRevision(_key, uid, number) {
      revisions.set(
        uid,
        (revisions.get(uid) ?? []).filter((revision) => revision.number !== number),
      );
      return ok(undefined);
    },
    async writeStatus(key, uid, status) {
      await source.hanging;
      if (source.down) return failForNow("Down", "the source is down");
      const id = `${key.namespace}/${key.name}`;
      if (objects.get(id)?.metadata.uid !== uid) return fail("Gone", "the object is gone");
      source.onStatus(id, status);
      statuses.set(id, structuredClone(status));
      return ok(undefined);
    },
    async writePolicyStatus(name, status) {
      source.policyStatuses.set(name, structuredClone(status));
      return ok(undefined);
    },
    async event(key, _uid, event) {
      events.push({ filter: `${key.namespace}/${key.name}`, event });
    },
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    announce: (id) => notify([], [id]),
    apply(name, spec, { namespace = "default", annotations = {}, created } = {}) {
      const id = `${namespace}/${name}`;
      const before = objects.get(id);
      const changed = before === undefined || JSON.stringify(before.spec) !== JSON.stringify(spec);
      const generation = (before?.metadata.generation ?? 0) + (changed ? 1 : 0);
      const uid = before?.metadata.uid ?? `uid-${uids++}`;
      const creationTimestamp = created ?? before?.metadata.creationTimestamp;
      const age = creationTimestamp === undefined ? {} : { creationTimestamp };
      const metadata = { name, namespace, uid, generation, annotations, ...age };
      objects.set(id, { apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata, spec });
      notify([id]);
    },
    remove(name, namespace = "default") {
      const id = `${namespace}/${name}`;
      objects.delete(id);
      statuses.delete(id);
      notify([id]);
    },
    setSecret(name, data, namespace) {
      const id = namespace === undefined ? name : `${namespace}/${name}`;
      if (data === undefined) secrets.delete(id);
      else {
        const entries = Object.entries(data).map(([key, value]) => [key, Buffer.from(value)] as const);
        secrets.set(id, { data: new Map(entries), version: `${writes++}` });
      }
      notify([], [`secret/${namespace ?? "default"}/${name}`]);
    },
    statusOf: (name, namespace = "default") => statuses.get(`${namespace}/${name}`),
  };
  return source;
}
