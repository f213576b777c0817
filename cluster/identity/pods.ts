import { inBackground } from "../../base/boundary.ts";
import type { FairTurns } from "../../base/fair-turns.ts";
import { shared } from "../../base/shared.ts";
import { createSingleFlight } from "../../base/single-flight.ts";
import type { Clock } from "../../model/clock.ts";
import type { LivePod, Pods, ProvedPod, Soon, VouchedPod } from "../../model/identity.ts";
import type { ClusterAccess, KubeObject, Reflector } from "../../model/kube.ts";
import type { Log } from "../../model/log.ts";
import { fail, failForNow, ok, type Result } from "../../model/result.ts";
import { refusal } from "../refusal.ts";
import { Trouble } from "../trouble.ts";
import { isNewer, type PodPlace, placeOf, stateOf, WatchedPod } from "./pod.ts";
import { createVouchedPods, vouchedPod } from "./vouched-pods.ts";

export interface PodsOptions extends ClusterAccess {
  /** Shares out the requests to the API server among the addresses of clients. */
  readonly turns: FairTurns;
  /** A client that proved its pod by a token must have an address of that pod. */
  readonly checksAddress: boolean;
  /** This pod is so: it was read, or has other labels since. */
  readonly isSo: (pod: VouchedPod) => void;
  /** The pod with this uid is gone. */
  readonly isGone: (uid: string) => void;
  readonly clock: Clock;
  readonly log: Log;
  /** 0 to 1. */
  readonly random: () => number;
}

/** The pods of the cluster. Only those that a client proved to run in are remembered. */
export interface WatchedPods extends Pods {
  known(): VouchedPod[];
  /** Pods that other replicas read: their clients are let in while the API server cannot be asked. */
  learn(pods: readonly VouchedPod[]): void;
  /** True of a pod of which the watch said so lately. */
  isGone(uid: string): boolean;
  /** Ends the watch, which began with the first pod that was asked for. */
  stop(): Promise<void>;
}

const PATH = "/api/v1/pods";
/** Beyond so many, those are forgotten in which no proxy has a stream. */
const MAX_PODS = 20_000;
/** How often a pod is read that changes while it is read. */
const MAX_READS = 3;
const CONFIRM_AGAIN_MS = 5_000;

export function createPods(options: PodsOptions): WatchedPods {
  return new PodDirectory(options);
}

/** What a read found, or why there is no such pod. */
type Found = Result<WatchedPod>;

class PodDirectory implements WatchedPods {
  private readonly options: PodsOptions;
  private readonly pods = new Map<string, WatchedPod>();
  private readonly vouched = createVouchedPods(MAX_PODS);
  /** The last read had no answer: who is known is let in at once, and one read after the other asks whether it is back. */
  private isAway = false;
  private isProbing = false;
  private readonly flights = createSingleFlight<Found>();
  /** Pods that are being read, with what happened to them meanwhile. */
  private readonly reading = new Map<string, { isOvertaken: boolean }>();
  private reflector: Reflector | undefined;
  private readonly watching: Trouble;
  private readonly readingTrouble: Trouble;
  /** What is known is what is: it was listed, and is watched since. */
  private inStep = false;

  constructor(options: PodsOptions) {
    this.options = options;
    const { clock, log } = options;
    this.watching = new Trouble(log, clock, "pods cannot be watched: labels and ends of pods are not followed", "pods are watched again");
    this.readingTrouble = new Trouble(log, clock, "pods of proxies cannot be read", "pods of proxies are read again");
  }

  async stop(): Promise<void> {
    await this.reflector?.stop();
  }

  private watch(): Reflector {
    const { api, follow, clock, log, random } = this.options;
    return follow({
      ...{ api, clock, log, random, path: PATH, metadataOnly: true, keep },
      onList: (objects) => this.listed(objects),
      onEvent: (type, object) => this.happened(type, object),
      onTrouble: (failure) => {
        this.inStep = failure === undefined && this.inStep;
        if (failure === undefined) this.watching.over();
        else this.watching.note(refusal({ verb: "list and watch", resource: "pods", id: "of proxies" }, failure).error.message);
      },
    });
  }

  known(): VouchedPod[] {
    return [...this.vouched, ...this.pods].flatMap(([id, pod]) => vouchedPod(id, pod) ?? []);
  }

  learn(pods: readonly VouchedPod[]): void {
    for (const pod of pods) this.vouched.take(idOf(pod), pod);
    if (pods.length > 0) this.reflector ??= shared(() => this.watch());
  }

  isGone(uid: string): boolean {
    return this.vouched.isGone(uid);
  }

  find(proved: ProvedPod, address: string): Soon<Result<LivePod>> {
    this.reflector ??= shared(() => this.watch());
    const known = this.pods.get(idOf(proved));
    if (this.inStep && known?.uid === proved.uid && known.place.addresses !== undefined) {
      const admitted = this.admit(known, proved, address);
      // It may have another address since.
      if (admitted.ok) return admitted;
    }
    const away = this.isAway ? this.adopt(idOf(proved), proved.uid) : undefined;
    if (away?.uid !== proved.uid) return this.read(proved, address);
    this.probe(idOf(proved));
    return this.admit(away, proved, address);
  }

  /** An API server that hangs would keep each of many clients waiting for its time to end. */
  private probe(id: string): void {
    if (this.isProbing) return;
    this.isProbing = true;
    const reading = this.flights
      .run(id, () => this.readAnew(id, ""))
      .finally(() => {
        this.isProbing = false;
      });
    inBackground(reading, (error) => this.options.log.error("a pod could not be read", { pod: id, error: String(error) }));
  }

  private async read(proved: ProvedPod, address: string): Promise<Result<LivePod>> {
    const id = idOf(proved);
    const found = (await this.flights.run(id, () => this.readAnew(id, address))) ?? AWAY;
    if (found.ok) return this.admit(found.value, proved, address);
    // As long as the API server is away, what was there is there; what another replica read only then, not where too much is asked of this one.
    const known = this.isAway ? this.adopt(id, proved.uid) : this.pods.get(id);
    return found.error.retryable && known?.uid === proved.uid ? this.admit(known, proved, address) : found;
  }

  /** The pod of that name that is known; or that another replica read, where it is this one. */
  private adopt(id: string, uid: string): WatchedPod | undefined {
    const [known, vouched] = [this.pods.get(id), this.vouched.get(id)];
    if (known?.uid === uid || vouched?.uid !== uid) return known;
    if (known !== undefined && !isNewer(vouched.version, known.version)) return known;
    this.drop(id);
    this.vouched.delete(id);
    this.keep(id, vouched);
    // Where only this read failed, no new list will say whether it is still there.
    if (this.inStep) this.confirm(id);
    return vouched;
  }

  private admit({ uid, place }: WatchedPod, proved: ProvedPod, address: string): Found {
    const id = idOf(proved);
    const pod = this.pods.get(id);
    if (pod === undefined || uid !== proved.uid || pod.uid !== uid)
      return fail("Unauthenticated", `this client proved that it runs in a pod ${id} that is gone: another one has its name now`);
    if (place.isOver) return fail("Unauthenticated", `this client proved that it runs in the pod ${id}, which has ended`);
    if (this.options.checksAddress && proved.byToken && place.addresses instanceof Set && !place.addresses.has(address))
      return fail("Unauthenticated", `this client proved that it runs in the pod ${id}, and ${address} is not that pod's address; ${NAT}`);
    return ok(pod);
  }

  private async readAnew(id: string, address: string): Promise<Found> {
    const { api, turns } = this.options;
    const [namespace = "", name = ""] = id.split("/");
    for (let count = 0; count < MAX_READS; count++) {
      const state = { isOvertaken: false };
      this.reading.set(id, state);
      const read = await turns.run(address, () => api.request({ path: `/api/v1/namespaces/${namespace}/pods/${name}` }));
      this.reading.delete(id);
      if (read !== undefined) this.isAway = !read.ok && read.error.status !== 404;
      if (read === undefined) return failForNow("Busy", "too many clients wait to be asked who they are; try again");
      if (!read.ok && read.error.status === 404) return this.absent(id);
      if (!read.ok) {
        this.readingTrouble.note(refusal({ verb: "get", resource: "pods", id }, read.error).error.message);
        return AWAY;
      }
      this.readingTrouble.over();
      if (!state.isOvertaken) return ok(this.take(id, read.value as KubeObject, placeOf(read.value)));
    }
    return failForNow("Busy", `the pod ${id} changes all the time; try again`);
  }

  private absent(id: string): Found {
    this.drop(id);
    this.vouched.delete(id);
    return fail("Unauthenticated", `this client proved that it runs in the pod ${id}, which is gone`);
  }

  /** What was read is what is: it takes the place of a pod of that name with another uid. */
  private take(id: string, object: KubeObject, place: PodPlace): WatchedPod {
    const state = stateOf(object);
    const known = this.pods.get(id);
    const pod = known?.uid === state.uid ? known : new WatchedPod(state, place);
    if (pod === known) {
      known.place = place;
      known.set(state);
    } else {
      this.drop(id);
      this.keep(id, pod);
    }
    this.vouched.delete(id);
    this.tell(id, pod);
    return pod;
  }

  private tell(id: string, pod: WatchedPod): void {
    const told = vouchedPod(id, pod);
    if (told !== undefined) this.options.isSo(told);
  }

  private keep(id: string, kept: WatchedPod): void {
    this.pods.set(id, kept);
    if (this.pods.size <= MAX_PODS) return;
    for (const [id, pod] of this.pods) if (pod !== kept && !pod.isFollowed) this.pods.delete(id);
  }

  private drop(id: string): void {
    const pod = this.pods.get(id);
    if (pod === undefined) return;
    this.pods.delete(id);
    pod.tell("gone");
  }

  private happened(type: "ADDED" | "MODIFIED" | "DELETED", object: KubeObject): void {
    const id = idOf(object.metadata);
    const reading = this.reading.get(id);
    if (reading !== undefined) reading.isOvertaken = true;
    const { uid } = object.metadata;
    const isGone = type === "DELETED";
    if (isGone) this.options.isGone(uid);
    this.vouched.happened(id, object, isGone);
    const pod = this.pods.get(id);
    if (pod === undefined) return;
    const isSame = pod.uid === uid;
    if (isSame && !isGone) {
      const before = pod.labels;
      pod.set(stateOf(object));
      if (pod.labels !== before) this.tell(id, pod);
    } else if (isSame) this.drop(id);
    // An event of an older pod may come late, and one of a newer pod before it was asked for.
    else if (type === "ADDED") this.confirm(id);
  }

  private listed(objects: readonly KubeObject[]): void {
    this.inStep = true;
    const there = new Map(objects.map((object) => [idOf(object.metadata), object]));
    this.vouched.listed(there);
    for (const [id, pod] of [...this.pods]) {
      const object = there.get(id);
      if (object !== undefined && object.metadata.uid === pod.uid) pod.set(stateOf(object));
      // A pod may be younger than the list.
      else this.confirm(id);
    }
  }

  /** Reads a pod of which the watch says that it is gone, until it is known. */
  private confirm(id: string): void {
    const { log, clock } = this.options;
    const again = (found: Found | undefined) => {
      if (found?.ok !== false || !found.error.retryable || !this.pods.has(id)) return;
      clock.after(CONFIRM_AGAIN_MS, () => this.confirm(id));
    };
    inBackground(this.flights.run(id, () => this.readAnew(id, "")).then(again), (error) =>
      log.error("a pod could not be read", { pod: id, error: String(error) }),
    );
  }
}

const NAT = "if something between changes addresses, start weir serve with --any-pod-address";
const AWAY = failForNow("Unavailable", "the server could not ask the API server for the pod of this client; try again");

function idOf({ namespace = "", name }: { readonly namespace?: string; readonly name: string }): string {
  return `${namespace}/${name}`;
}

/** A cluster may have many pods: while they are listed, no more is kept of each than is looked at. */
function keep({ metadata: { name, namespace, uid, resourceVersion, labels } }: KubeObject): KubeObject {
  return { metadata: { name, ...(namespace === undefined ? {} : { namespace }), uid, resourceVersion, labels } };
}
