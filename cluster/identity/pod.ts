import { textsOf } from "../../base/json.ts";
import { type LivePod, MAX_LABELS } from "../../model/identity.ts";
import type { Fields, KubeObject } from "../../model/kube.ts";

/** What is kept of a Pod object. */
export interface PodState {
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Its resource version. */
  readonly version: string;
}

/** Where a pod is, which its metadata does not say. */
export interface PodPlace {
  /** `shared`: those of its node, which others have too; `undefined`: it has none yet. */
  readonly addresses: ReadonlySet<string> | "shared" | undefined;
  /** Its containers have ended and will not start again. */
  readonly isOver: boolean;
}

/** A pod whose state changes while proxies in it have streams. */
export class WatchedPod implements LivePod {
  /** Where it was when it was read last. */
  place: PodPlace;
  private state: PodState;
  private readonly listeners = new Set<(what: "labels" | "gone") => void>();

  constructor(state: PodState, place: PodPlace) {
    this.state = state;
    this.place = place;
  }

  get uid(): string {
    return this.state.uid;
  }

  /** Its resource version. */
  get version(): string {
    return this.state.version;
  }

  get labels(): Readonly<Record<string, string>> {
    return this.state.labels;
  }

  get isFollowed(): boolean {
    return this.listeners.size > 0;
  }

  onChange(listener: (what: "labels" | "gone") => void): () => void {
    // A function of its own for each, so that one who listens twice is told twice.
    const own = (what: "labels" | "gone") => listener(what);
    this.listeners.add(own);
    return () => void this.listeners.delete(own);
  }

  /** Takes what is newer than what it has: a watch may be behind what was read. */
  set(next: PodState): void {
    if (!isNewer(next.version, this.state.version)) return;
    const before = this.state.labels;
    this.state = isSame(before, next.labels) ? { ...next, labels: before } : next;
    if (this.state.labels !== before) this.tell("labels");
  }

  tell(what: "labels" | "gone"): void {
    for (const listener of [...this.listeners]) listener(what);
  }
}

/** `object`: a Pod, or its metadata alone. */
export function stateOf({ metadata }: KubeObject): PodState {
  const labels = Object.entries(textsOf(metadata.labels)).slice(0, MAX_LABELS);
  return { uid: metadata.uid, labels: Object.fromEntries(labels), version: metadata.resourceVersion };
}

/** https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#PodStatus */
export function placeOf({ spec, status }: Fields): PodPlace {
  const { hostNetwork } = (spec ?? {}) as Fields;
  const { podIP, podIPs, phase } = (status ?? {}) as Fields;
  const all = [podIP, ...(Array.isArray(podIPs) ? podIPs.map((each: Fields | null) => each?.ip) : [])];
  const addresses = new Set(all.filter((each): each is string => typeof each === "string" && each !== ""));
  return {
    addresses: hostNetwork === true ? "shared" : addresses.size === 0 ? undefined : addresses,
    isOver: phase === "Succeeded" || phase === "Failed",
  };
}

/** Resource versions of one resource are numbers that grow. https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions */
export function isNewer(version: string, than: string): boolean {
  return version.length === than.length ? version > than : version.length > than.length;
}

function isSame(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
