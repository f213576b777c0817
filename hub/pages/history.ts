import type { WasmFilter, WasmFilterStatusHistoryItem } from "../../model/gen/wasmfilter.ts";
import { pageIn } from "../read/query.ts";
import { order } from "../read/rows.ts";
import { type Html, html } from "./html.ts";
import { ago, digestLink, filterLink, mark, pager, tablePanel, words } from "./pieces.ts";

/** One revision of one filter. */
export interface Change {
  readonly namespace: string;
  readonly name: string;
  readonly item: WasmFilterStatusHistoryItem;
}

/** Every revision of every filter, the newest first. */
export function changesOf(filters: readonly WasmFilter[]): readonly Change[] {
  const all = filters.flatMap(({ metadata: { namespace = "", name }, status }) =>
    (status?.history ?? []).map((item) => ({ namespace, name, item })),
  );
  return all.sort((a, b) => order(b.item.time, a.item.time));
}

export function historyPage(changes: readonly Change[], query: URLSearchParams, now: number): Html {
  const page = pageIn(query, changes);
  return html`<h1>History</h1>
${changeTable(page.rows, now)}
${pager(page, "/history", query, "revision")}`;
}

export function changeTable(changes: readonly Change[], now: number): Html {
  if (changes.length === 0) return html`<p class="panel mute">Nothing has changed yet.</p>`;
  const rows = changes.map(
    ({ namespace, name, item: { time, revision, image, digest, result, message } }) =>
      html`<tr><td class="mute">${ago(time, now)}</td><td>${filterLink(namespace, name)}</td><td>${revision}</td><td>${words(image, 80)}</td><td>${digestLink(digest)}</td><td class="wide">${mark(result)} <span class="mute">${words(message ?? "")}</span></td></tr>
`,
  );
  return tablePanel(["When", "Filter", "Revision", "Image then", "Digest", "Result"], rows);
}
