import { count } from "../../base/text.ts";
import type { ProxyNode } from "../../model/delivery.ts";
import { concerns } from "../fleet/index.ts";
import type { MatchDeps } from "../plan/rollout-plan.ts";
import type { AdmissionCheck, Findings, Subject } from "./check.ts";

export interface ReachDeps extends MatchDeps {
  /** False while proxies of other replicas may be missing in the fleet: then nothing is said of them. */
  readonly hearsAll: () => boolean;
}

/** Warns of a filter that no proxy is there for. They may come later. */
export function reachCheck({ fleet, ownNamespace, hearsAll }: ReachDeps): AdmissionCheck {
  return {
    fields: ["selector", "slot"],
    judge({ filter }: Subject): Findings {
      if (!hearsAll()) return {};
      let selected = 0;
      for (const proxy of fleet.proxies()) {
        if (!concerns(filter, proxy, ownNamespace)) continue;
        if (hasSlot(proxy, filter.settings.slot)) return {};
        selected += 1;
      }
      const { slot } = filter.settings;
      if (selected > 0)
        return { warnings: [`spec.slot: of the ${count(selected, "proxy")} that are selected none has a slot ${slot} now`] };
      const where = filter.key.namespace === ownNamespace ? "" : ` of namespace ${filter.key.namespace}`;
      return { warnings: [`spec.selector: it selects no proxy${where} that is connected now`] };
    },
  };
}

function hasSlot({ slots }: ProxyNode, slot: string): boolean {
  return slots.has(slot);
}
