import { count } from "../../base/text.ts";
import type { WaveStanding } from "../../model/wave-standing.ts";
import { type Html, html } from "./html.ts";
import { type Column, table } from "./pieces.ts";

/** How a proxy of a wave stands: its style in the picture, and its words in the table. */
const STANDINGS = [
  ["updated", "p-ok", "On the new one"],
  ["rejected", "p-rejected", "Refused"],
  ["awaited", "p-pending", "Waited for"],
  ["later", "p-old", "Not yet"],
  ["lost", "p-lost", "Lost"],
] as const satisfies readonly (readonly [keyof WaveStanding, string, string])[];

const SIZE = { width: 1_000, height: 46, top: 18, bar: 24 };
/** Below this width a wave has no name in the picture. */
const ROOM_FOR_NAME = 90;
/** Width of one proxy among many: one that refused is seen among ten thousand. */
const LEAST = 3;

const COLUMNS: readonly Column[] = ["Wave", { ofNumbers: "Up to" }, ...STANDINGS.map(([, , words]) => ({ ofNumbers: words }))];

/**
 * A rollout by its waves: each as wide as it has proxies, in the order in which they come to the target, and the same in a table. `step`: the present wave, from 1.
 */
export function wavePicture(waves: readonly WaveStanding[], step: number | undefined): Html {
  const rows = waves.map(
    (wave) =>
      html`<tr><th scope="row">${wave.step}${wave.step === step ? html` <span class="tag">now</span>` : ""}</th><td class="num">${wave.percent}%</td>${STANDINGS.map(([standing]) => html`<td class="num">${wave[standing]}</td>`)}</tr>
`,
  );
  return html`${drawing(waves)}
${table(COLUMNS, rows, true)}`;
}

function drawing(waves: readonly WaveStanding[]): Html {
  const widths = shares(waves.map(sizeOf), SIZE.width);
  let end = 0;
  const parts = waves.map((wave, index) => {
    const [from, width] = [end, widths[index] ?? 0];
    end += width;
    return html`${segments(wave, from, width)}${width < ROOM_FOR_NAME ? "" : html`<text class="axis" x="${round(from + 4)}" y="12">wave ${wave.step} · ${wave.percent}%</text>`}${index + 1 < waves.length ? html`<line class="cut" x1="${round(end)}" x2="${round(end)}" y1="2" y2="${SIZE.height}"/>` : ""}`;
  });
  const all = waves.reduce((sum, wave) => sum + sizeOf(wave), 0);
  return html`<svg class="timeline" viewBox="0 0 ${SIZE.width} ${SIZE.height}" role="img" aria-labelledby="waves-title waves-desc"><title id="waves-title">${count(all, "proxy")} in ${count(waves.length, "wave")}</title><desc id="waves-desc">${waves.map(sentence).join(" ")}</desc>${parts}</svg>`;
}

function segments(wave: WaveStanding, from: number, width: number): readonly Html[] {
  const widths = shares(
    STANDINGS.map(([standing]) => wave[standing]),
    width,
  );
  let x = from;
  return STANDINGS.flatMap(([standing, style], index) => {
    const [left, own] = [x, widths[index] ?? 0];
    x += own;
    return wave[standing] === 0
      ? []
      : [html`<rect class="${style}" x="${round(left)}" y="${SIZE.top}" width="${round(own)}" height="${SIZE.bar}"/>`];
  });
}

/** `Wave 2, up to 50%: 12 on the new one, 3 waited for.` */
function sentence(wave: WaveStanding): string {
  const said = STANDINGS.flatMap(([standing, , words]) => (wave[standing] === 0 ? [] : [`${wave[standing]} ${words.toLowerCase()}`]));
  return `Wave ${wave.step}, up to ${wave.percent}%: ${said.length === 0 ? "no other proxy" : said.join(", ")}.`;
}

function sizeOf(wave: WaveStanding): number {
  return STANDINGS.reduce((sum, [standing]) => sum + wave[standing], 0);
}

/** Widths in proportion to the amounts, but none that is there below `LEAST`; their sum is `width`, or 0 without any. */
function shares(amounts: readonly number[], width: number): readonly number[] {
  const all = amounts.reduce((sum, amount) => sum + amount, 0);
  const wanted = amounts.map((amount) => (amount === 0 ? 0 : Math.max(LEAST, (amount / all) * width)));
  const sum = wanted.reduce((total, one) => total + one, 0);
  return wanted.map((one) => (sum === 0 ? 0 : (one / sum) * width));
}

function round(number: number): number {
  return Math.round(number * 10) / 10;
}
