import { age } from "../../base/elapsed.ts";
import { clip, oneLine } from "../../base/text.ts";
import type { ProxyView } from "../../hub/index.ts";
import { ROLLOUT_PAUSED } from "../../model/annotations.ts";
import { findCondition } from "../../model/condition.ts";
import { shortDigest } from "../../model/digest.ts";
import { whenMissingOf } from "../../model/filter.ts";
import type { WasmFilter, WasmFilterSpecSelector, WasmFilterStatus } from "../../model/gen/wasmfilter.ts";
import type { Revision } from "../../model/revision.ts";
import {
  askedSettings,
  changedSettings,
  DEFAULT_SETTINGS,
  type PluginSettings,
  type SettingName,
  showSetting,
} from "../../model/settings.ts";
import { sourceOf } from "./filters.ts";
import { history, renderHistory } from "./history.ts";
import type { Paint } from "./paint.ts";
import { groupProxies, renderGroups } from "./proxies.ts";
import { renderRollout } from "./rollout.ts";
import { table } from "./table.ts";

export interface DescribeInput {
  readonly filter: WasmFilter;
  /** Full records of the revisions, where they can be read. */
  readonly revisions: readonly Revision[];
  /** False: the status could not be read, so one that is absent says nothing. */
  readonly knowsStatus: boolean;
  /** The proxies that the server knows, or a text that says why none are known. */
  readonly proxies: readonly ProxyView[] | string;
  readonly now: number;
}

/** What a person on call reads first: what runs where, and why. Sections without content are left out. */
export function renderDescribe({ filter, revisions, knowsStatus, proxies, now }: DescribeInput, paint: Paint): string {
  const sections = [
    headline(filter, knowsStatus, paint),
    facts(filter, knowsStatus),
    titled("Rollout", rolloutTitle(filter), renderRollout(filter, now, paint), paint),
    titled("Rejections", "", rejections(filter), paint),
    titled("Proxies", "", fleet(filter, proxies), paint),
    titled("History", "", historyLines(filter, revisions, now), paint),
    titled("Conditions", "", conditions(filter, now), paint),
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n")}\n`;
}

function titled(title: string, note: string, lines: readonly string[], paint: Paint): string[] {
  return lines.length === 0 ? [] : [`${paint.strong(title)}${note}`, ...lines];
}

function headline(filter: WasmFilter, knowsStatus: boolean, paint: Paint): string[] {
  const name = paint.strong(`${filter.metadata.namespace ?? ""}/${filter.metadata.name}`);
  const ready = findCondition(filter.status, "Ready");
  if (ready === undefined && !knowsStatus) return [`${name}  ${paint.busy("status not known")}: the server that has it does not answer`];
  if (ready === undefined) return [`${name}  ${paint.busy("no status yet")}: no Weir has written one`];
  if (ready.status === "True") return [`${name}  ${paint.good("Ready")}: ${oneLine(ready.message)}`];
  const isGoingOn = findCondition(filter.status, "Reconciling")?.status === "True";
  const isStalled = findCondition(filter.status, "Stalled")?.status === "True";
  const word = isStalled ? paint.bad("Stalled") : isGoingOn ? paint.busy("In progress") : paint.bad("Not ready");
  return [`${name}  ${word} (${ready.reason}): ${oneLine(ready.message)}`];
}

/** What the CRD fills in for an object that no Weir has seen. */
const NEVER_SEEN = -1;

function facts(filter: WasmFilter, knowsStatus: boolean): string[] {
  const { spec, status } = filter;
  const seen = status?.observedGeneration ?? NEVER_SEEN;
  const stale = seen !== NEVER_SEEN && (filter.metadata.generation ?? 0) > seen;
  const settings = askedSettings(spec);
  const others = changedSettings(DEFAULT_SETTINGS, settings)
    .filter((name) => !SHOWN.includes(name))
    .map((name) => setting(settings, name));
  const rows = [
    ["Image", sourceOf(filter)],
    ...(spec.digest === undefined ? [] : [["Pinned", `${spec.digest} (spec.digest: the tag is not followed)`]]),
    ["Serves", knowsStatus || status !== undefined ? serving(filter) : "not known"],
    ...target(filter),
    ["Slot", `${settings.slot}, priority ${settings.priority}, ${settings.type}`],
    ["Selects", selection(spec.selector)],
    ["On failure", settings.failurePolicy],
    ...(whenMissingOf(spec) === "Closed" ? [["While missing", "503 in its place, on proxies that are due it (whenMissing: Closed)"]] : []),
    ...(others.length === 0 ? [] : [["Also set", others.join(", ")]]),
    ...(isPaused(filter) ? [["Paused", "no further wave starts until `weir rollout resume`, of a later rollout neither"]] : []),
    ...(stale ? [["Status", `describes generation ${seen}; the spec is at ${filter.metadata.generation}`]] : []),
  ];
  return table(undefined, rows, "  ");
}

function isPaused({ metadata }: WasmFilter): boolean {
  return metadata.annotations?.[ROLLOUT_PAUSED] === "true";
}

/** Settings that have a row of their own, and the configuration, whose text `weir get -o json` shows. */
const SHOWN: readonly SettingName[] = ["slot", "priority", "type", "failurePolicy", "config"];

function setting(settings: PluginSettings, name: SettingName): string {
  const text = showSetting(settings, name);
  return text === undefined ? name : `${name} ${clip(oneLine(String(text)), 48)}`;
}

function serving({ status }: WasmFilter): string {
  if (status?.digest === undefined) return status?.revision === undefined ? "nothing yet" : "no revision is stable yet";
  const revision = isWatched(status) ? status.revision : (status.stableRevision ?? status.revision);
  return `revision ${revision ?? "?"}, digest ${shortDigest(status.digest)}, module ${shortDigest(status.wasmDigest)}${watched(status)}`;
}

/** True while every proxy runs the target and it is watched. */
function isWatched({ rollout }: WasmFilterStatus): boolean {
  return rollout?.watch !== undefined && rollout.holdTime !== undefined;
}

function watched(status: WasmFilterStatus): string {
  if (!isWatched(status)) return "";
  const { revision, stableRevision } = status;
  return revision === stableRevision ? "; watched" : `; watched, and back to revision ${stableRevision} if it does worse`;
}

function target({ status }: WasmFilter): string[][] {
  if (status?.revision === undefined || status.revision === status.stableRevision || isWatched(status)) return [];
  const item = status.history?.find(({ revision }) => revision === status.revision);
  const digest = item === undefined ? "" : `, digest ${shortDigest(item.digest)}, module ${shortDigest(item.wasmDigest)}`;
  return [["Wanted", `revision ${status.revision}${digest}`]];
}

function selection(selector: WasmFilterSpecSelector | undefined): string {
  const labels = Object.entries(selector?.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  const expressions = (selector?.matchExpressions ?? []).map(
    ({ key, operator, values }) => `${key} ${operator}${values?.length ? ` (${values.join(", ")})` : ""}`,
  );
  const all = [...labels, ...expressions];
  return all.length === 0 ? "every proxy of the namespace" : `proxies with ${all.join(", ")}`;
}

function rolloutTitle({ status }: WasmFilter): string {
  return status?.revision === undefined ? "" : ` of revision ${status.revision}`;
}

function rejections({ status }: WasmFilter): string[] {
  const listed = status?.rejections ?? [];
  const more = (status?.proxies?.rejected ?? 0) - listed.length;
  const rows = listed.map(({ proxy, message }) => [proxy, oneLine(message)]);
  return [...table(undefined, rows, "  "), ...(listed.length > 0 && more > 0 ? [`  and ${more} more`] : [])];
}

function fleet({ metadata }: WasmFilter, proxies: DescribeInput["proxies"]): string[] {
  if (typeof proxies === "string") return [`  ${proxies}`];
  const groups = groupProxies(proxies, { namespace: metadata.namespace ?? "", name: metadata.name });
  return groups.length === 0 ? ["  no proxy runs it yet"] : renderGroups(groups, "  ");
}

function historyLines(filter: WasmFilter, revisions: readonly Revision[], now: number): string[] {
  const entries = history(filter, revisions);
  return entries.length === 0 ? [] : renderHistory(entries, { now, current: filter.status?.stableRevision, indent: "  " });
}

/** Longest message of a condition that is True. Of any other the whole message is shown. */
const STORY = 160;

function conditions(filter: WasmFilter, now: number): string[] {
  const rows = (filter.status?.conditions ?? []).map(({ type, status, reason, message, lastTransitionTime }) => [
    type,
    status,
    age(lastTransitionTime, now),
    reason,
    status === "True" ? clip(oneLine(message), STORY) : message,
  ]);
  return rows.length === 0 ? [] : table(["TYPE", "STATUS", "SINCE", "REASON", "MESSAGE"], rows, "  ");
}
