import type { AuthorOf, Change } from "../read/changes.ts";
import { pageIn } from "../read/query.ts";
import { authorWords } from "./author.ts";
import { type Html, html } from "./html.ts";
import { ago, digestLink, filterLink, mark, pager, tablePanel, words } from "./pieces.ts";

/** Every revision of every filter. `changes`: the newest first. */
export function historyPage(changes: readonly Change[], authorOf: AuthorOf, query: URLSearchParams, now: number): Html {
  const page = pageIn(query, changes);
  return html`<h1>History</h1>
${changeTable(page.rows, authorOf, now)}
${pager(page, "/history", query, "revision")}`;
}

export function changeTable(changes: readonly Change[], authorOf: AuthorOf, now: number): Html {
  if (changes.length === 0) return html`<p class="panel mute">Nothing has changed yet.</p>`;
  const rows = changes.map((change) => {
    const { namespace, name, item } = change;
    const { time, revision, image, digest, result, message } = item;
    return html`<tr><td class="mute">${ago(time, now)}</td><td>${filterLink(namespace, name)}</td><td>${revision}</td><td>${words(image, 80)}</td><td>${digestLink(digest)}</td><td class="wide">${mark(result)} <span class="mute">${words(message ?? "")}</span></td><td class="wide">${authorWords(authorOf(change))}</td></tr>
`;
  });
  return tablePanel(["When", "Filter", "Revision", "Image then", "Digest", "Result", "By"], rows);
}
