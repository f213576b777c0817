import { nounOf } from "../../base/text.ts";
import type { AuthorOf, Change } from "../read/changes.ts";
import type { FilterRow } from "../read/filter-row.ts";
import type { FleetSnapshot } from "../read/fleet-snapshot.ts";
import { attention, filterTable } from "./filters.ts";
import { changeTable } from "./history.ts";
import { type Html, html } from "./html.ts";
import { mark } from "./pieces.ts";

const MOST = 20;

export interface OverviewInput {
  readonly rows: readonly FilterRow[];
  readonly fleet: FleetSnapshot;
  /** The newest first. */
  readonly changes: readonly Change[];
  readonly authorOf: AuthorOf;
  readonly now: number;
}

/** What needs a person, what is under way, and what happened last. */
export function overviewPage({ rows, fleet, changes, authorOf, now }: OverviewInput): Html {
  const busy = rows.filter(({ standing }) => standing === "busy" || standing === "paused").slice(0, MOST);
  return html`<h1>Overview</h1>
<p class="row stats"><span><b>${rows.length}</b> ${nounOf(rows.length, "filter")}</span>${fleetCounts(fleet)}</p>
<section aria-labelledby="waits"><h2 id="waits">Needs a person</h2>${attention(rows, MOST)}</section>
<section aria-labelledby="moves"><h2 id="moves">Rollouts under way</h2>${busy.length === 0 ? html`<p class="panel mute">None.</p>` : filterTable(busy, now)}</section>
<section aria-labelledby="last"><h2 id="last">Last changes</h2>${changeTable(changes.slice(0, MOST), authorOf, now)}<p><a href="/history">All of the history</a></p></section>`;
}

/** How the fleet stands, in numbers. */
export function fleetCounts({ proxies, counts }: FleetSnapshot): Html {
  return html`<span><b>${proxies.length}</b> ${nounOf(proxies.length, "proxy")}</span><span>${mark("ok", `${counts.ok} as wanted`)}</span>${counts.pending === 0 ? "" : html`<span>${mark("pending", `${counts.pending} on their way`)}</span>`}${counts.rejected === 0 ? "" : html`<span>${mark("rejected", `${counts.rejected} refused`)}</span>`}${counts.lost === 0 ? "" : html`<span>${mark("lost", `${counts.lost} lost`)}</span>`}`;
}
