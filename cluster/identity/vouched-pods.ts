import { setBounded } from "../../base/bounded-map.ts";
import type { VouchedPod } from "../../model/identity.ts";
import type { KubeObject } from "../../model/kube.ts";
import { isNewer, type PodPlace, stateOf, WatchedPod } from "./pod.ts";

/** Pods that other replicas read. They count only while the API server cannot be asked. */
export interface VouchedPods extends Iterable<[id: string, pod: WatchedPod]> {
  /** Takes one that is newer than what is known of it, unless the watch said that it is gone. */
  take(id: string, pod: VouchedPod): void;
  get(id: string): WatchedPod | undefined;
  /** These are all pods that there are, by id: others are gone. */
  listed(there: ReadonlyMap<string, KubeObject>): void;
  /** A watch says that this pod is so now, or that it is gone. */
  happened(id: string, object: KubeObject, isGone: boolean): void;
  delete(id: string): void;
  /** True of a pod of which the watch said lately that it is gone. */
  isGone(uid: string): boolean;
}

/** Uids of pods that are gone, for as long as a replica may be behind with them. */
const MAX_GONE = 10_000;

/** `most`: pods that are kept; the oldest are forgotten. */
export function createVouchedPods(most: number): VouchedPods {
  const pods = new Map<string, WatchedPod>();
  const gone = new Map<string, true>();
  return {
    [Symbol.iterator]: () => pods.entries(),
    take(id, { uid, version, labels, addresses }) {
      const known = pods.get(id);
      if (gone.has(uid) || (known !== undefined && !isNewer(version, known.version))) return;
      const place: PodPlace = { addresses: addresses === "shared" ? addresses : new Set(addresses), isOver: false };
      setBounded(pods, id, new WatchedPod({ uid, version, labels }, place), most);
    },
    get: (id) => pods.get(id),
    listed(there) {
      for (const [id, pod] of [...pods]) {
        const object = there.get(id);
        if (object?.metadata.uid === pod.uid) pod.set(stateOf(object));
        else pods.delete(id);
      }
    },
    happened(id, object, isGone) {
      const { uid } = object.metadata;
      if (isGone) setBounded(gone, uid, true, MAX_GONE);
      const known = pods.get(id);
      if (known?.uid !== uid) return;
      if (isGone) pods.delete(id);
      else known.set(stateOf(object));
    },
    delete: (id) => void pods.delete(id),
    isGone: (uid) => gone.has(uid),
  };
}

/** Labels of a pod have some hundred bytes. Who makes them as large as they may be is let in by the API server alone. */
const MAX_LABEL_BYTES = 4_096;

/** What is told of a pod; `undefined`: nobody could come from it, or it would take too much room. */
export function vouchedPod(id: string, { uid, version, labels, place: { addresses, isOver } }: WatchedPod): VouchedPod | undefined {
  if (addresses === undefined || isOver || JSON.stringify(labels).length > MAX_LABEL_BYTES) return undefined;
  const [namespace = "", name = ""] = id.split("/");
  return { namespace, name, uid, version, labels, addresses: addresses === "shared" ? addresses : [...addresses] };
}
