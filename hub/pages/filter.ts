import { parseDuration } from "../../base/duration.ts";
import { moment } from "../../base/elapsed.ts";
import { CHANGE_CAUSE } from "../../model/annotations.ts";
import { wavePercents } from "../../model/filter.ts";
import type { WasmFilter, WasmFilterStatusHistoryItem } from "../../model/gen/wasmfilter.ts";
import { historyOf } from "../../model/history.ts";
import { nextStep } from "../../model/next-step.ts";
import { isTakenBack, type Revision } from "../../model/revision.ts";
import { revisionChanges } from "../../model/revision-changes.ts";
import type { WaveCount } from "../../model/wave-count.ts";
import type { WaveStanding } from "../../model/wave-standing.ts";
import type { Group } from "../read/fleet-snapshot.ts";
import { filterPath } from "../read/query.ts";
import { reasonOf, standingOf } from "../read/standing.ts";
import { authorWords } from "./author.ts";
import { follows } from "./filters.ts";
import { GROUP_COLUMNS, groupCells } from "./fleet.ts";
import { type Html, html } from "./html.ts";
import { judged } from "./judged.ts";
import { type Stretch, timeline, waveBar } from "./pictures.ts";
import { ago, digestLink, mark, progressWords, proxyLink, table, tablePanel, waveWords, words } from "./pieces.ts";
import { wavePicture } from "./wave-picture.ts";

export interface FilterPageInput {
  readonly filter: WasmFilter;
  /** In rising order. */
  readonly revisions: readonly Revision[];
  /** Of this filter. */
  readonly groups: readonly Group[];
  readonly waveCount: WaveCount | undefined;
  /** Of the rollout under way; none: none is. */
  readonly waves: readonly WaveStanding[];
  readonly now: number;
  /** What who looks may do with it. */
  readonly acts?: { readonly bar: Html; readonly mayRollBack: boolean };
}

/** One filter: its rollout, who is waited for and why, what was refused, and its history. */
export function filterPage({ filter, revisions, groups, waveCount, waves, now, acts }: FilterPageInput): Html {
  const { namespace = "", name } = filter.metadata;
  const standing = standingOf(filter);
  return html`<p class="crumb"><a href="/filters">Filters</a> / <a href="/filters?namespace=${namespace}">${namespace}</a></p>
<h1>${name} <span class="state">${mark(standing)}</span></h1>
<p>${words(reasonOf(filter, standing), 400)}</p>
${acts?.bar ?? ""}
${rollout(filter, waves, now)}
${waveCount === undefined ? "" : judged(waveCount, now)}
<div class="two">
<section class="panel" aria-labelledby="runs"><h2 id="runs">What its proxies run</h2>${groupTable(groups)}</section>
<section class="panel" aria-labelledby="what"><h2 id="what">What it is</h2>${facts(filter)}</section>
</div>
${refusals(filter)}
${conditions(filter, now)}
${history(filter, revisions, now, acts?.mayRollBack === true)}`;
}

function rollout(filter: WasmFilter, waves: readonly WaveStanding[], now: number): Html {
  const { spec, status } = filter;
  if (status?.rollout === undefined || status.proxies === undefined) return html``;
  const next = nextStep(filter, { parse: parseDuration, print: (at) => moment(at, now) });
  return html`<section class="panel" aria-labelledby="rollout"><h2 id="rollout">Rollout of revision ${status.revision ?? "?"}</h2>
${waves.length > 1 ? wavePicture(waves, status.rollout.step) : ""}
<p class="row">${waves.length > 1 ? "" : waveBar(status.proxies, wavePercents(spec))}<span>${progressWords(status.proxies)}</span></p>
<p class="mute">${waveWords(status.rollout)}, started ${ago(status.rollout.startTime, now)}</p>${next === "" ? "" : html`<p>Next: ${next}</p>`}</section>`;
}

function groupTable(groups: readonly Group[]): Html {
  if (groups.length === 0) return html`<p class="mute">No proxy has it.</p>`;
  const rows = groups.map(
    (group) => html`<tr>${groupCells(group)}</tr>
`,
  );
  return table(GROUP_COLUMNS, rows, true);
}

function facts(filter: WasmFilter): Html {
  const { spec, status } = filter;
  const selector = JSON.stringify(spec.selector ?? {});
  const cause = filter.metadata.annotations?.[CHANGE_CAUSE];
  return html`<dl><dt>Image</dt><dd><code>${words(spec.image ?? spec.url ?? "", 200)}</code></dd>
<dt>Follows</dt><dd>${follows(filter)}</dd>
<dt>Serves</dt><dd>r${status?.stableRevision ?? "–"} ${digestLink(status?.digest)}, module ${digestLink(status?.wasmDigest)}</dd>
<dt>Selects</dt><dd>${selector === "{}" ? "every proxy of its namespace" : html`<code>${words(selector, 200)}</code>`}</dd>
<dt>Slot</dt><dd>${words(spec.slot ?? "default")}, priority ${spec.priority ?? 0}</dd>
<dt>On failure</dt><dd>${spec.failurePolicy ?? "Reload"}</dd>${cause === undefined ? "" : html`<dt>Why</dt><dd>${words(cause, 400)}</dd>`}</dl>`;
}

function refusals({ metadata, status }: WasmFilter): Html {
  const refused = status?.rejections ?? [];
  if (refused.length === 0) return html``;
  const rows = refused.map(
    ({ proxy, namespace = metadata.namespace ?? "", message }) =>
      html`<tr><td>${proxyLink(namespace, proxy)}</td><td class="wide"><code>${words(message, 600)}</code></td></tr>
`,
  );
  return html`<section aria-labelledby="refused"><h2 id="refused">Refused</h2>${tablePanel(["Proxy", "What Envoy said"], rows)}</section>`;
}

function conditions({ status }: WasmFilter, now: number): Html {
  const rows = (status?.conditions ?? []).map(
    ({ type, status: holds, reason, message, lastTransitionTime }) =>
      html`<tr><th scope="row">${type}</th><td>${holds}</td><td>${reason}</td><td class="wide">${words(message, 400)}</td><td class="mute">${ago(lastTransitionTime, now)}</td></tr>
`,
  );
  const columns = ["Condition", "Status", "Reason", "Message", "Since"];
  return html`<section aria-labelledby="conditions"><h2 id="conditions">Conditions</h2>${tablePanel(columns, rows)}</section>`;
}

function history({ metadata, spec, status }: WasmFilter, revisions: readonly Revision[], now: number, mayRollBack: boolean): Html {
  const items = historyOf(status);
  if (items.length === 0) return html``;
  const path = filterPath(metadata.namespace ?? "", metadata.name);
  const label = `When each revision was made: ${items.map(({ revision }) => revision).join(", ")}, the newest first`;
  const back = (revision: number, digest: string) =>
    !mayRollBack || spec.url !== undefined || digest === status?.digest
      ? ""
      : html` <a href="${path}/act/rollback?to=${revision}" aria-label="go back to revision ${revision}">go back</a>`;
  const rows = items.map(
    ({ revision, time, image, digest, result, message }, index) =>
      html`<tr><th scope="row">${revision}${revision === status?.stableRevision ? html` <span class="tag">serves</span>` : ""}</th><td class="mute">${ago(time, now)}</td><td>${words(image, 80)}</td><td>${digestLink(digest)}${back(revision, digest)}</td><td class="wide">${mark(result)} <span class="mute">${words(message ?? "")}</span></td><td class="wide">${authorWords(revisions.find(({ number }) => number === revision)?.author)}</td><td>${changed(revisions, items[index + 1]?.revision, revision, path)}</td></tr>
`,
  );
  const columns = ["Revision", "Made", "Image then", "Digest", "Result", "By", "Changed"];
  return html`<section aria-labelledby="history"><h2 id="history">History</h2><div class="panel flush">${timeline(stretchesOf(items, now), label)}${table(columns, rows)}</div></section>`;
}

function changed(revisions: readonly Revision[], before: number | undefined, after: number, path: string): Html {
  const [old, made] = [before, after].map((number) => revisions.find((revision) => revision.number === number));
  if (old === undefined || made === undefined) return html``;
  const fields = revisionChanges(old, made).map(({ field }) => field);
  return html`<a href="${path}/diff?from=${old.number}&amp;to=${made.number}">${fields.length === 0 ? "nothing shown" : fields.join(", ")}</a>`;
}

/** Each revision from its making to the next one's. */
function stretchesOf(items: readonly WasmFilterStatusHistoryItem[], now: number): readonly Stretch[] {
  const rising = [...items].reverse();
  return rising.map(({ revision, time, result }, index) => ({
    label: `r${revision}`,
    from: Date.parse(time),
    to: index + 1 < rising.length ? Date.parse(rising[index + 1]?.time ?? time) : now,
    isBad: isTakenBack(result),
  }));
}
