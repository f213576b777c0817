import type { Filter } from "../../model/filter.ts";
import type { PluginSettings } from "../../model/settings.ts";
import type { FilterRecord } from "./record.ts";
import { revisionOf } from "./revisions.ts";

/** That a filter must be there, `whenMissing: Closed`: nothing may pass a proxy that is due it and never loaded it. */
export interface Demand {
  readonly settings: PluginSettings;
  /** True where every proxy is due the filter before it has a revision: the first step of its rollout takes in all of them, for all requests. */
  readonly fromTheStart: boolean;
}

/** The reason of Programmed while a filter that must be there has no revision to serve. */
export const MISSING = "Missing";

/** As the spec in force says it. Where none of this run's specs parses: the present one, beside the revision that was served before. */
export function demandOf(record: Pick<FilterRecord, "filter" | "isAwaited" | "object" | "revisions" | "rollout">): Demand | undefined {
  const { filter, isAwaited, object, rollout } = record;
  if (filter !== undefined) return filter.whenMissing === "Closed" && isAwaited ? demandOfSpec(filter) : undefined;
  const settings = revisionOf(record, rollout.stable)?.settings;
  const { whenMissing }: { readonly whenMissing?: unknown } = object.spec ?? {};
  const isClosed = whenMissing === "Closed" || (whenMissing !== "Open" && settings?.failurePolicy === "Closed");
  return settings !== undefined && isClosed ? { settings, fromTheStart: false } : undefined;
}

/**
 * True where nothing but the last status tells that it must be there: a spec that parsed made it so, this run's does not parse, and no revision is kept.
 */
export function isForgotten({ filter, isAwaited, revisions }: Pick<FilterRecord, "filter" | "isAwaited" | "revisions">): boolean {
  return filter === undefined && isAwaited && revisions.length === 0;
}

/** The slot that a spec names, whether it parses or not; `undefined`: none. */
export function slotOf({ filter, object }: Pick<FilterRecord, "filter" | "object">): string | undefined {
  if (filter !== undefined) return filter.settings.slot;
  const { slot }: { readonly slot?: unknown } = object.spec ?? {};
  return typeof slot === "string" ? slot : undefined;
}

function demandOfSpec({ settings, rollout }: Filter): Demand {
  const [first] = rollout.steps;
  return { settings, fromTheStart: first === undefined || (first.percent >= 100 && first.match === undefined) };
}
