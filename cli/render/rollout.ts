import { parseDuration } from "../../base/duration.ts";
import { duration, moment } from "../../base/elapsed.ts";
import { oneLine } from "../../base/text.ts";
import { wavePercents } from "../../model/filter.ts";
import type { WasmFilter, WasmFilterStatusProxies, WasmFilterStatusRollout } from "../../model/gen/wasmfilter.ts";
import { nextStep } from "../../model/next-step.ts";
import type { Paint } from "./paint.ts";

/** Width of the bar in cells. */
const CELLS = 40;

/**
 * The fleet as a bar: `#` runs the target, `x` rejected it, `.` does not have it yet, `|` is the end of a wave.
 * Each cell is a share of the matched proxies; a single rejection or update always shows.
 */
export function bar({ matched, updated, rejected }: WasmFilterStatusProxies, waves: readonly number[]): string {
  const share = (count: number) => (matched === 0 || count === 0 ? 0 : Math.max(1, Math.floor((count / matched) * CELLS)));
  const refused = share(rejected);
  const done = Math.min(share(updated), CELLS - refused);
  const cells = "#".repeat(done) + "x".repeat(refused) + ".".repeat(CELLS - done - refused);
  const ends = new Set(
    waves.filter((percent) => percent < 100).map((percent) => Math.min(CELLS - 1, Math.max(1, Math.round((percent / 100) * CELLS)))),
  );
  const marked = [...cells].map((cell, index) => (ends.has(index) ? `|${cell}` : cell));
  return `[${marked.join("")}]`;
}

/** `10% done > 50% now > 100%`: the waves, and how far the rollout is. */
export function waves(filter: WasmFilter): string {
  const { step = 1, state } = filter.status?.rollout ?? {};
  const steps = wavePercents(filter.spec);
  return steps
    .map((percent, index) => {
      const number = index + 1;
      if (state === "Succeeded" || number < step) return `${percent}% done`;
      return number === step ? `${percent}% ${isActive(state) ? "now" : "stopped"}` : `${percent}%`;
    })
    .join(" > ");
}

function isActive(state: WasmFilterStatusRollout["state"] | undefined): boolean {
  return state === "Progressing" || state === "Holding" || state === "Paused";
}

/** The lines of the rollout in `weir describe`. Empty before the first rollout. */
export function renderRollout(filter: WasmFilter, now: number, paint: Paint): string[] {
  const { status } = filter;
  const { rollout, proxies } = status ?? {};
  if (proxies === undefined) return [];
  const counts = [`${proxies.updated} of ${proxies.matched} updated`, `${proxies.pending} pending`, `${proxies.rejected} rejected`].join(
    ", ",
  );
  const lines = [`  ${paintBar(bar(proxies, wavePercents(filter.spec)), paint)}  ${counts}`];
  if (rollout === undefined) return lines;
  const since = rollout.startTime === undefined ? "" : `, started ${duration(now - Date.parse(rollout.startTime))} ago`;
  const wave = rollout.step === undefined ? "" : `, wave ${rollout.step} of ${rollout.steps ?? wavePercents(filter.spec).length}`;
  if (wavePercents(filter.spec).length > 1) lines.push(`  waves  ${waves(filter)}`);
  lines.push(`  state  ${paintState(rollout.state, paint)}${wave}${since}${rollout.message ? `: ${oneLine(rollout.message)}` : ""}`);
  const next = nextStep(filter, { parse: parseDuration, print: (at) => moment(at, now) });
  if (next !== "") lines.push(`  next   ${next}`);
  return lines;
}

function paintBar(text: string, paint: Paint): string {
  return text.replace(/#+/g, (cells) => paint.good(cells)).replace(/x+/g, (cells) => paint.bad(cells));
}

function paintState(state: WasmFilterStatusRollout["state"], paint: Paint): string {
  if (state === "Succeeded") return paint.good(state);
  return isActive(state) ? paint.busy(state) : paint.bad(state);
}
