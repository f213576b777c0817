import { isDeepStrictEqual } from "node:util";
import type { KubeConfig } from "@kubernetes/client-node";
import { bounded } from "../../../base/boundary.ts";
import type { Clock } from "../../../model/clock.ts";
import { type FilterKey, filterId } from "../../../model/filter.ts";
import type { WasmFilter, WasmFilterStatus } from "../../../model/gen/wasmfilter.ts";
import type { WasmPolicyStatus } from "../../../model/gen/wasmpolicy.ts";
import type { ApiFailure, KubeApi, KubeObject, Reflector } from "../../../model/kube.ts";
import type { Leadership } from "../../../model/leadership.ts";
import type { Log } from "../../../model/log.ts";
import { fail, ok, type Result } from "../../../model/result.ts";
import type { Revision } from "../../../model/revision.ts";
import { withinBounds } from "../../parse/bounds.ts";
import { createChangeNotifier } from "../change-notifier.ts";
import type { Versioned } from "../data.ts";
import { type Policies, UNREAD_POLICIES } from "../policies.ts";
import type { FilterEvent, Reading, Source, SourceChange } from "../source.ts";
import { createKubeApi } from "./api.ts";
import { createEventWriter, type EventWriter } from "./events.ts";
import { GROUP } from "./group.ts";
import { specManager } from "./manager.ts";
import { namedBy, namedByPolicy } from "./named.ts";
import { type PolicyWatch, startPolicyWatch } from "./policies.ts";
import { createReferences, type References } from "./references.ts";
import { startReflector } from "./reflector.ts";
import { createRevisionStore, type RevisionStore } from "./revisions.ts";
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
  /** Set where other servers may write too. */
  readonly leadership?: Leadership | undefined;
}

const EXPIRE_EVERY_MS = 60_000;

/**
 * Watches WasmFilters in a Kubernetes API server. While that cannot be reached, everything known stays as it is, the log says so, and the watch
 * retries. `start()` waits for the first list as long as it takes.
 */
export function createKubernetesSource(options: KubernetesSourceOptions): Source {
  return new KubernetesSource(options);
}

class KubernetesSource implements Source {
  readonly description: string;
  private readonly options: KubernetesSourceOptions & { readonly random: () => number };
  private readonly api: KubeApi;
  private readonly notifier = createChangeNotifier();
  readonly announce = this.notifier.reference;
  private readonly references: References;
  private readonly kept: RevisionStore;
  private readonly events: EventWriter;
  private readonly objects = new Map<string, WasmFilter>();
  /** By id. */
  private readonly managers = new Map<string, string>();
  /** The last status written, by uid, to tell it from what others write. */
  private readonly written = new Map<string, WasmFilterStatus>();
  /** Ids of the filters whose status somebody else wrote, until the listener is told. */
  private readonly overwritten = new Set<string>();
  private trouble: ApiFailure | undefined;
  private reflector: Reflector | undefined;
  private policyWatch: PolicyWatch | undefined;
  private cancelExpiry: () => void = () => {};

  constructor({ random = Math.random, timeoutMs = 10_000, ...options }: KubernetesSourceOptions) {
    const { kubeConfig, log, clock, leadership } = options;
    const api = createKubeApi({ kubeConfig, timeoutMs });
    this.options = { ...options, random };
    this.api = api;
    this.description = `cluster ${api.server}`;
    this.references = createReferences({ api, clock, log, random, onChange: this.notifier.reference, timeoutMs });
    this.kept = createRevisionStore({ api, log, mayWrite: leadership && (() => leadership.isLeading()) });
    this.events = createEventWriter({ api, clock, log, random });
  }

  async start(): Promise<void> {
    const { clock, random, namespace, log } = this.options;
    const isOfOneNamespace = namespace !== undefined;
    const onChange = this.notifier.policies;
    this.policyWatch = startPolicyWatch({ api: this.api, clock, random, log, isOfOneNamespace, onChange });
    this.reflector = startReflector({
      api: this.api,
      path: namespace === undefined ? `${GROUP}/wasmfilters` : collection(namespace),
      clock,
      random,
      log,
      onList: (objects) => this.replace(objects),
      onEvent: (type, object) => this.onEvent(type, object),
      onTrouble: (failure) => this.onTrouble(failure),
    });
    this.expireLater();
    await Promise.all([this.reflector.listed, this.policyWatch.answered]);
  }

  async stop(): Promise<void> {
    this.cancelExpiry();
    await Promise.all([this.reflector?.stop(), this.policyWatch?.stop(), this.references.stop()]);
  }

  isFollowed(): boolean {
    return this.reflector !== undefined && this.trouble === undefined;
  }

  filters(): ReadonlyMap<string, WasmFilter> {
    return this.objects;
  }

  managerOf(id: string): string | undefined {
    return this.managers.get(id);
  }

  policies(): Policies {
    return this.policyWatch?.snapshot() ?? UNREAD_POLICIES;
  }

  secret(namespace: string, name: string, reading?: Reading): Promise<Result<Versioned>> {
    return this.references.read("secret", namespace, name, reading);
  }

  configMap(namespace: string, name: string, reading?: Reading): Promise<Result<Versioned>> {
    return this.references.read("configmap", namespace, name, reading);
  }

  revisions(key: FilterKey, uid: string): Promise<Result<readonly Revision[]>> {
    return this.kept.list(key, uid);
  }

  saveRevision(key: FilterKey, uid: string, revision: Revision): Promise<Result<void>> {
    return this.kept.save(key, uid, revision);
  }

  rewriteRevision(key: FilterKey, uid: string, revision: Revision): Promise<Result<void>> {
    return this.kept.rewrite(key, uid, revision);
  }

  deleteRevision(key: FilterKey, uid: string, number: number): Promise<Result<void>> {
    return this.kept.remove(key, uid, number);
  }

  async writeStatus(key: FilterKey, uid: string, status: WasmFilterStatus): Promise<Result<void>> {
    const id = filterId(key);
    const known = this.objects.get(id);
    if (known?.metadata.uid !== uid) return fail("ObjectGone", `WasmFilter ${id} was removed or replaced`);
    this.written.set(uid, JSON.parse(JSON.stringify(status)) as WasmFilterStatus);
    const path = `${collection(key.namespace)}/${encodeURIComponent(key.name)}`;
    const { leadership } = this.options;
    const mayWrite = leadership && (() => leadership.isLeading() && !this.overwritten.has(id));
    const result = await writeStatus({ api: this.api, path, key, uid, known, status, mayWrite });
    if (!result.ok) return result;
    // The watch will bring the same object; until then nobody should see the old one. If it already brought another, that is newer and stays.
    if (this.objects.get(id) === known && result.value !== known) this.objects.set(id, slim(result.value));
    return ok(undefined);
  }

  writePolicyStatus(name: string, status: WasmPolicyStatus): Promise<Result<void>> {
    return this.policyWatch?.writeStatus(name, status) ?? Promise.resolve(ok(undefined));
  }

  event(key: FilterKey, uid: string, event: FilterEvent): Promise<void> {
    return this.events.write(key, uid, event);
  }

  onChange(listener: (change: SourceChange) => void): () => void {
    return this.notifier.onChange((change) => {
      for (const id of change.overwritten ?? []) this.overwritten.delete(id);
      listener(change);
    });
  }

  private put(raw: KubeObject): void {
    const object = slim(raw);
    const id = filterId(keyOf(object));
    const before = this.objects.get(id);
    this.objects.set(id, object);
    // Who wrote a status or a label made no spec.
    if (before?.metadata.uid !== object.metadata.uid || before?.metadata.generation !== object.metadata.generation) {
      const manager = specManager((raw.metadata as Readonly<Record<string, unknown>>).managedFields, this.managers.get(id));
      if (manager === undefined) this.managers.delete(id);
      else this.managers.set(id, manager);
    }
    const isOverwritten = before !== undefined && this.isForeign(before, object);
    if (isOverwritten) this.overwritten.add(id);
    if (before === undefined || isOverwritten || !isDeepStrictEqual(essence(before), essence(object)))
      this.notifier.filter(id, isOverwritten);
  }

  /** A status that was written here is not a change. */
  private isForeign(before: WasmFilter, now: WasmFilter): boolean {
    return !isDeepStrictEqual(before.status, now.status) && !isDeepStrictEqual(this.written.get(now.metadata.uid ?? ""), now.status);
  }

  private remove(id: string): void {
    this.managers.delete(id);
    this.written.delete(this.objects.get(id)?.metadata.uid ?? "");
    this.overwritten.delete(id);
    if (this.objects.delete(id)) this.notifier.filter(id);
  }

  private replace(objects: readonly KubeObject[]): void {
    const listed = new Set(objects.map((object) => filterId(keyOf(object as unknown as WasmFilter))));
    for (const id of [...this.objects.keys()]) if (!listed.has(id)) this.remove(id);
    for (const object of objects) bounded(() => this.put(object), this.notTaken(object));
  }

  private onEvent(type: "ADDED" | "MODIFIED" | "DELETED", object: KubeObject): void {
    const id = filterId(keyOf(object as unknown as WasmFilter));
    const held = this.objects.get(id);
    // The answer of a status write is stored before the watch has delivered older events.
    if (held?.metadata.uid === object.metadata.uid && isOlder(object.metadata.resourceVersion, held.metadata.resourceVersion)) return;
    if (type === "DELETED") this.remove(id);
    else this.put(object);
  }

  /** One object that cannot be taken in is not what the others wait for. */
  private notTaken(object: KubeObject): (error: unknown) => void {
    const filter = filterId(keyOf(object as unknown as WasmFilter));
    return (error) => this.options.log.error("a WasmFilter could not be taken in; its last state stays", { filter, error: String(error) });
  }

  private onTrouble(failure: ApiFailure | undefined): void {
    const { log } = this.options;
    const cluster = this.api.server;
    if (failure === undefined) log.info("WasmFilters are watched again", { cluster });
    else if (this.trouble?.message !== failure.message)
      log.error("WasmFilters cannot be watched; trying again", { cluster, problem: explain(failure) });
    this.trouble = failure;
  }

  private expireLater(): void {
    this.cancelExpiry = this.options.clock.after(EXPIRE_EVERY_MS, () => {
      const named = new Set([...this.objects.values()].flatMap(namedBy));
      const ofPolicies = new Set([...(this.policies().objects?.values() ?? [])].flatMap(namedByPolicy));
      // Where Weir itself is, it does not know here: an object of that name elsewhere is followed for longer.
      this.references.expire((id) => named.has(id) || ofPolicies.has(id.replace(/\/.*\//, "/")));
      this.expireLater();
    });
  }
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

/** Within the bounds, and without managedFields, which are often larger than the object itself. */
function slim(raw: WasmFilter | KubeObject): WasmFilter {
  const { managedFields: _, ...metadata } = raw.metadata as Readonly<Record<string, unknown>>;
  return withinBounds({ ...raw, metadata }) as unknown as WasmFilter;
}

/** The parts of an object whose change matters. */
function essence({ metadata: { uid, generation, labels, annotations, deletionTimestamp }, spec }: WasmFilter): unknown {
  return { uid, generation, labels, annotations, deletionTimestamp, spec };
}

function explain({ status, message }: ApiFailure): string {
  if (status === 404) return "the cluster does not know WasmFilters; install the CRD: kubectl apply -f crds/";
  if (status === 401) return `the API server does not accept the credentials: ${message}`;
  if (status === 403) return `${message}; grant the operator its ClusterRole`;
  return message;
}
