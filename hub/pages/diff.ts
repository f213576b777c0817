import type { FilterKey } from "../../model/filter.ts";
import type { Revision } from "../../model/revision.ts";
import { revisionChanges } from "../../model/revision-changes.ts";
import { filterPath } from "../read/query.ts";
import { type Html, html } from "./html.ts";
import { filterLink, tablePanel, words } from "./pieces.ts";

/** What differs between two revisions of a filter. `undefined`: one of them is not kept. */
export function diffPage({ namespace, name }: FilterKey, revisions: readonly Revision[], query: URLSearchParams): Html | undefined {
  const [from, to] = ["from", "to"].map((end) => revisions.find(({ number }) => String(number) === query.get(end)));
  if (from === undefined || to === undefined) return undefined;
  const changes = revisionChanges(from, to);
  return html`<p class="crumb"><a href="/filters">Filters</a> / ${filterLink(namespace, name)}</p>
<h1>Revision ${from.number} and revision ${to.number}</h1>
${chooser(namespace, name, revisions, from, to)}
${changes.length === 0 ? html`<p class="panel">They are the same in everything that is shown.</p>` : fieldTable(changes, from, to)}`;
}

function chooser(namespace: string, name: string, revisions: readonly Revision[], from: Revision, to: Revision): Html {
  const select = (end: string, chosen: Revision): Html =>
    html`<label>${end} <select name="${end}">${revisions.map(({ number }) => html`<option value="${number}"${number === chosen.number ? html` selected` : ""}>${number}</option>`)}</select></label>`;
  return html`<form class="row" action="${filterPath(namespace, name)}/diff">${select("from", from)}${select("to", to)}<button type="submit">Compare</button></form>`;
}

function fieldTable(changes: ReturnType<typeof revisionChanges>, from: Revision, to: Revision): Html {
  const rows = changes.map(
    ({ field, before, after }) =>
      html`<tr><th scope="row">${field}</th><td class="wide"><del>${words(before ?? "not shown", 1_000)}</del></td><td class="wide"><ins>${words(after ?? "not shown", 1_000)}</ins></td></tr>
`,
  );
  return tablePanel(["Field", `Revision ${from.number}`, `Revision ${to.number}`], rows);
}
