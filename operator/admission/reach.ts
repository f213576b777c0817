import { count } from "../../base/text.ts";
import type { ProxyNode } from "../../model/delivery.ts";
import type { Leadership } from "../../model/leadership.ts";
import { concerns } from "../fleet/index.ts";
import type { MatchDeps } from "../plan/rollout-plan.ts";
import type { AdmissionCheck, Findings, Subject } from "./check.ts";

export interface ReachDeps extends MatchDeps {
  /** Who does not lead knows the proxies of its own streams alone, and says nothing. */
  readonly leadership: Pick<Leadership, "isLeading">;
}

/** Warns of a filter that no proxy is there for. They may come later. */
export function reachCheck({ fleet, ownNamespace, leadership }: ReachDeps): AdmissionCheck {
  return {
    fields: ["selector", "slot"],
    judge({ filter }: Subject): Findings {
      if (!leadership.isLeading()) return {};
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
