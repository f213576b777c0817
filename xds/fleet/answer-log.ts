import type { DeliveredFilter } from "../../model/delivery.ts";
import { filterId } from "../../model/filter.ts";
import type { Log } from "../../model/log.ts";
import { rolloutId } from "../../model/rollout-id.ts";
import type { NodeInfo } from "../stream/node.ts";
import type { Ledger, Running } from "./ledger.ts";

/** A proxy as people know it. */
type Named = Pick<NodeInfo, "id" | "namespace">;

/** Log lines about what proxies answered to what they were sent. */
export interface AnswerLog {
  /** `before`: what the proxy ran under this name until now. */
  acked(proxy: Named, ledger: Ledger, before: Running | undefined): void;
  /** `message`: the proxy's own words. */
  rejected(proxy: Named, ledger: Ledger, message: string): void;
  /** The proxy is not sent what it cannot do. */
  unfit(proxy: Named, ledger: Ledger, message: string): void;
}

/** An ACK is at level debug: a rollout has one for each proxy. */
export function createAnswerLog(log: Log): AnswerLog {
  function warn(what: string, { id, namespace }: Named, { slot, rejection, running }: Ledger, message: string): void {
    const { filters, culprit } = rejection ?? {};
    const rollout = culprit === undefined ? rolloutsOf(filters, running?.filters) : rolloutId(culprit);
    log.warn(what, { proxy: id, namespace, slot, rollout, message });
  }

  return {
    acked({ id, namespace }, { slot, running }, before) {
      if (log.isDebug)
        log.debug("a proxy acknowledged", { proxy: id, namespace, slot, rollout: rolloutsOf(running?.filters, before?.filters) });
    },
    rejected: (proxy, ledger, message) => warn("a proxy rejected what it was sent", proxy, ledger, message),
    unfit: (proxy, ledger, message) => warn("a proxy is not sent what it cannot do", proxy, ledger, message),
  };
}

/** The ids of the filters that are new or other than before, as one text; `undefined`: none is. */
function rolloutsOf(filters: readonly DeliveredFilter[] = [], before: readonly DeliveredFilter[] = []): string | undefined {
  const had = new Map(before.map(({ filter, hash }) => [filterId(filter), hash]));
  const changed = filters.filter(({ filter, hash }) => had.get(filterId(filter)) !== hash);
  return changed.length === 0 ? undefined : changed.map(rolloutId).join(",");
}
