import { setBounded } from "../../base/bounded-map.ts";
import type { VouchedPod } from "../../model/identity.ts";
import { isNewer, type PodPlace, type PodState, WatchedPod } from "./pod.ts";

/** Pods that other replicas read. They count only while the API server cannot be asked. */
export interface VouchedPods extends Iterable<[id: string, pod: WatchedPod]> {
  take(id: string, pod: VouchedPod): void;
  get(id: string): WatchedPod | undefined;
  /** A watch says that this pod is so now; `undefined`: that the one with this uid is gone. */
  happened(id: string, uid: string, state: PodState | undefined): void;
  delete(id: string): void;
}

/** `most`: pods that are kept; the oldest are forgotten. */
export function createVouchedPods(most: number): VouchedPods {
  const pods = new Map<string, WatchedPod>();
  return {
    [Symbol.iterator]: () => pods.entries(),
    take(id, { uid, version, labels, addresses }) {
      const known = pods.get(id);
      if (known !== undefined && !isNewer(version, known.version)) return;
      const place: PodPlace = { addresses: addresses === "shared" ? addresses : new Set(addresses), isOver: false };
      setBounded(pods, id, new WatchedPod({ uid, version, labels }, place), most);
    },
    get: (id) => pods.get(id),
    happened(id, uid, state) {
      const known = pods.get(id);
      if (known?.uid !== uid) return;
      if (state === undefined) pods.delete(id);
      else known.set(state);
    },
    delete: (id) => void pods.delete(id),
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
