import type { LabelSelector } from "../../model/filter.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import { parseLabelSelector } from "../../model/label-selector.ts";
import { selects } from "../../model/selector.ts";
import { STANDINGS, standingOf } from "../read/standing.ts";
import type { ProxyFilterView, ProxyHead } from "../views.ts";
import { choice, type Given, type Parameter, shaped } from "./parameter.ts";

const NAMESPACE = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?";

/** Of a label selector. Each proxy is looked at by all of them. */
const MOST_EXPRESSIONS = 16;
const MOST_VALUES = 64;

const labelSelector: Parameter<LabelSelector> = {
  description: "Only those whose labels are so, as `kubectl -l` takes it: `app=web,tier!=cache,team in (a, b),!old`.",
  schema: { type: "string" },
  takes: `a label selector such as app=web,tier!=cache,team in (a, b),!old, of at most ${MOST_EXPRESSIONS} expressions with ${MOST_VALUES} values in all`,
  read(text) {
    const parsed = parseLabelSelector(text);
    return parsed.ok && isSmall(parsed.value) ? parsed.value : undefined;
  },
};

function isSmall({ matchExpressions: all }: LabelSelector): boolean {
  return all.length <= MOST_EXPRESSIONS && all.reduce((sum, { values }) => sum + values.length, 0) <= MOST_VALUES;
}

const namespace = shaped("Only those of this namespace.", "the name of a namespace", `^${NAMESPACE}$`);

const digest = shaped(
  "Only those with this digest, of an image's manifest or of a module.",
  "a digest such as sha256:0123…, with 64 hex digits",
  "^sha256:[0-9a-f]{64}$",
);

/** Which filters a list has. */
export const FILTER_SELECTION = {
  namespace,
  labelSelector,
  digest: { ...digest, description: "Only those that serve this digest, of an image's manifest or of a module." },
  state: choice("Only those that stand so: as the pages tell it.", STANDINGS),
};

/** Which proxies a list has. What is said of filters must hold for one filter of the proxy. */
export const PROXY_SELECTION = {
  namespace,
  labelSelector,
  connected: choice("Only those that are connected, or are not.", ["true", "false"]),
  filter: shaped("Only those with this filter.", "a filter as NAMESPACE/NAME", `^${NAMESPACE}/[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$`),
  digest,
  state: choice("Only those with a filter in this state.", ["pending", "updated", "rejected"]),
};

export type FilterSelection = Given<typeof FILTER_SELECTION>;
export type ProxySelection = Given<typeof PROXY_SELECTION>;

export function isFilterSelected(filter: WasmFilter, { namespace, labelSelector, digest, state }: FilterSelection): boolean {
  const { metadata, status } = filter;
  if (namespace !== undefined && metadata.namespace !== namespace) return false;
  if (labelSelector !== undefined && !selects(labelSelector, metadata.labels ?? {})) return false;
  if (digest !== undefined && status?.digest !== digest && status?.wasmDigest !== digest) return false;
  return state === undefined || standingOf(filter) === state;
}

/** What is asked of the proxy itself. */
export function isHeadSelected(proxy: ProxyHead, { namespace, labelSelector, connected }: ProxySelection): boolean {
  if (namespace !== undefined && proxy.namespace !== namespace) return false;
  if (connected !== undefined && String(proxy.connected) !== connected) return false;
  return labelSelector === undefined || selects(labelSelector, proxy.labels);
}

/** Whether anything is asked of a proxy's filters. */
export function asksFilters({ filter, digest, state }: ProxySelection): boolean {
  return filter !== undefined || digest !== undefined || state !== undefined;
}

export function isViewSelected(view: ProxyFilterView, { filter, digest, state }: ProxySelection): boolean {
  if (state !== undefined && view.state !== state) return false;
  if (digest !== undefined && view.digest !== digest && view.wasmDigest !== digest) return false;
  return filter === undefined || `${view.namespace}/${view.name}` === filter;
}
