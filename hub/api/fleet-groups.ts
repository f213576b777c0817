import type { Pause } from "../../base/pause.ts";
import { order } from "../read/rows.ts";
import type { ProxyFilterView, ProxyView, Views } from "../views.ts";
import { choicesOf } from "./parameter.ts";
import { asksFilters, isHeadSelected, isViewSelected, type ProxySelection } from "./selection.ts";

/** Of a proxy: its namespace, whether it is connected. The others: of one filter on it. */
export const GROUP_FIELDS = ["namespace", "connected", "filter", "revision", "digest", "wasmDigest", "state"] as const;
export type GroupField = (typeof GROUP_FIELDS)[number];

const OF_PROXY: ReadonlySet<GroupField> = new Set(["namespace", "connected"]);
const DEFAULT: readonly GroupField[] = ["filter", "revision", "digest", "wasmDigest", "state"];

/** Groups of an answer: the largest. A fleet in order has one or two for each filter. */
const MOST_GROUPS = 5_000;

export const groupBy = choicesOf(`What the proxies of a group have in common. Absent: ${DEFAULT.join(",")}.`, GROUP_FIELDS);

/** Proxies that have the fields in common by which they are grouped. */
export interface FleetGroup {
  readonly namespace?: string;
  readonly connected?: boolean;
  /** `NAMESPACE/NAME`. */
  readonly filter?: string;
  /** 0: what stands in for a module that is not there yet. */
  readonly revision?: number;
  readonly digest?: string;
  readonly wasmDigest?: string;
  readonly state?: ProxyFilterView["state"];
  /** How many. */
  proxies: number;
}

export interface FleetGroups {
  /** How many proxies are asked for, and how many of them are connected. */
  readonly proxies: { readonly total: number; readonly connected: number };
  /** The largest first. */
  readonly groups: readonly FleetGroup[];
  /** Groups that are left off. */
  readonly leftOff: number;
}

/** Counts the proxies that are asked for, by what they have in common. A proxy counts once in each group. */
export async function groupFleet(
  views: Pick<Views, "eachProxy">,
  selection: ProxySelection,
  fields: readonly GroupField[] = DEFAULT,
  pause: Pause,
): Promise<FleetGroups> {
  const counter = new Counter(selection, fields);
  for (const proxy of views.eachProxy()) {
    counter.add(proxy);
    await pause();
  }
  return counter.result();
}

class Counter {
  private readonly groups = new Map<string, FleetGroup>();
  private readonly proxies = { total: 0, connected: 0 };
  private readonly looksAtFilters: boolean;

  private readonly selection: ProxySelection;
  private readonly fields: readonly GroupField[];

  constructor(selection: ProxySelection, fields: readonly GroupField[]) {
    this.selection = selection;
    this.fields = fields;
    this.looksAtFilters = asksFilters(selection) || fields.some((field) => !OF_PROXY.has(field));
  }

  add(proxy: ProxyView): void {
    if (!isHeadSelected(proxy, this.selection)) return;
    const keys = new Set<string>();
    if (!this.looksAtFilters) this.count(keys, proxy, undefined);
    for (const { filters } of this.looksAtFilters ? proxy.slots : []) {
      for (const view of filters) if (isViewSelected(view, this.selection)) this.count(keys, proxy, view);
    }
    if (keys.size === 0 && asksFilters(this.selection)) return;
    this.proxies.total++;
    if (proxy.connected) this.proxies.connected++;
  }

  private count(keys: Set<string>, proxy: ProxyView, view: ProxyFilterView | undefined): void {
    const values = this.fields.map((field) => fieldOf(field, proxy, view));
    const key = values.join(" ");
    if (keys.has(key)) return;
    keys.add(key);
    const known = this.groups.get(key);
    if (known !== undefined) known.proxies++;
    else this.groups.set(key, { ...Object.fromEntries(this.fields.map((field, at) => [field, values[at]])), proxies: 1 });
  }

  result(): FleetGroups {
    const sorted = [...this.groups].sort(([a, many], [b, few]) => few.proxies - many.proxies || order(a, b)).map(([, group]) => group);
    return { proxies: this.proxies, groups: sorted.slice(0, MOST_GROUPS), leftOff: Math.max(0, sorted.length - MOST_GROUPS) };
  }
}

function fieldOf(field: GroupField, proxy: ProxyView, view: ProxyFilterView | undefined): string | number | boolean | undefined {
  if (field === "namespace" || field === "connected") return proxy[field];
  if (field === "filter") return view && `${view.namespace}/${view.name}`;
  return view?.[field];
}
