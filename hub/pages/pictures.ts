import { count } from "../../base/text.ts";
import type { WasmFilterStatusProxies } from "../../model/gen/wasmfilter.ts";
import { PROXY_STANDINGS, type ProxyRow, type ProxyStanding } from "../read/fleet-snapshot.ts";
import { type Html, html } from "./html.ts";
import { wordOf } from "./pieces.ts";

const BAR = { width: 150, height: 12 };

/** The proxies of a filter as a bar: those that run the target, those that refused it, the others; a line at each wave's end. */
export function waveBar({ matched, updated, rejected, pending }: WasmFilterStatusProxies, waves: readonly number[]): Html {
  const share = (many: number): number => (matched === 0 ? 0 : round((many / matched) * BAR.width));
  const label = `${updated} of ${count(matched, "proxy")} updated, ${rejected} refused, ${pending} pending`;
  const ends = waves.filter((percent) => percent < 100).map((percent) => round((percent / 100) * BAR.width));
  return html`<svg width="${BAR.width}" height="${BAR.height}" viewBox="0 0 ${BAR.width} ${BAR.height}" role="img" aria-label="${label}"><rect class="p-old" y="1" width="${BAR.width}" height="10" rx="2"/><rect class="p-ok" y="1" width="${share(updated)}" height="10" rx="2"/><rect class="p-rejected" x="${share(updated)}" y="1" width="${share(rejected)}" height="10"/>${ends.map(
    (x) => html`<line class="cut" x1="${x}" x2="${x}" y1="0" y2="12"/>`,
  )}</svg>`;
}

/** Edge of a proxy's square, with the gap to the next. */
const CELL = 9;
const COLUMNS = 132;

/** Every proxy as a square, in the order of the rows: one path for each state, with neighbours merged, so that ten thousand are a few kilobytes. */
export function fleetPicture(rows: readonly ProxyRow[]): Html {
  const runs: Record<ProxyStanding, string> = { rejected: "", lost: "", pending: "", ok: "" };
  for (let at = 0; at < rows.length; ) {
    const standing = rows[at]?.standing ?? "ok";
    const [column, line] = [at % COLUMNS, Math.floor(at / COLUMNS)];
    let length = 1;
    while (column + length < COLUMNS && rows[at + length]?.standing === standing) length++;
    runs[standing] += `M${column * CELL} ${line * CELL}h${length * CELL - 1}v${CELL - 1}h-${length * CELL - 1}z`;
    at += length;
  }
  const height = Math.max(1, Math.ceil(rows.length / COLUMNS)) * CELL;
  const amounts = PROXY_STANDINGS.map((standing) => `${rows.filter((row) => row.standing === standing).length} ${wordOf(standing)}`);
  return html`<svg class="fleet" viewBox="0 0 ${COLUMNS * CELL} ${height}" role="img" aria-label="${`${count(rows.length, "proxy")}: ${amounts.join(", ")}`}">${PROXY_STANDINGS.map(
    (standing) => (runs[standing] === "" ? "" : html`<path class="p-${standing}" d="${runs[standing]}"/>`),
  )}</svg>`;
}

/** One stretch of a timeline. */
export interface Stretch {
  readonly label: string;
  /** Milliseconds since the epoch. */
  readonly from: number;
  readonly to: number;
  readonly isBad: boolean;
}

const LINE = { width: 1_000, height: 44 };

/** What served when. */
export function timeline(stretches: readonly Stretch[], label: string): Html {
  const first = Math.min(...stretches.map(({ from }) => from));
  const last = Math.max(...stretches.map(({ to }) => to));
  const x = (at: number): number => round(((at - first) / Math.max(1, last - first)) * LINE.width);
  return html`<svg class="timeline" viewBox="0 0 ${LINE.width} ${LINE.height}" role="img" aria-label="${label}"><rect class="track" y="6" width="${LINE.width}" height="20" rx="3"/>${stretches.map(
    ({ label: name, from, to, isBad }) => {
      const [left, right] = [x(from), x(to)];
      const width = Math.max(2, round(right - left - 1));
      return html`<rect class="${isBad ? "p-rejected" : "p-ok"}" x="${left}" y="7" width="${width}" height="18" rx="2"/>${width > 40 ? html`<text x="${round(left + 4)}" y="20">${name}</text>` : ""}`;
    },
  )}<text class="axis" x="0" y="40">${new Date(first).toISOString().slice(0, 16).replace("T", " ")}</text><text class="axis" x="${LINE.width}" y="40" text-anchor="end">${new Date(last).toISOString().slice(0, 16).replace("T", " ")}</text></svg>`;
}

function round(number: number): number {
  return Math.round(number * 10) / 10;
}
