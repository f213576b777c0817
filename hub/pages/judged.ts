import { count } from "../../base/text.ts";
import type { Counted, WaveCount } from "../../model/wave-count.ts";
import { type Html, html } from "./html.ts";
import { ago, type Column, table } from "./pieces.ts";

type Tally = Pick<Counted, "requests" | "errors5xx" | "latencySumMs" | "latencyCount">;

const COLUMNS: readonly Column[] = ["Measure", { ofNumbers: "With the target" }, { ofNumbers: "Compared with" }, "Fails the wave"];

/** The numbers that a wave is judged by, beside those that they are compared with and their limits. */
export function judged({ at, wave, stable, before, limits }: WaveCount, now: number): Html {
  const { minRequests, max5xxRisePercent, maxLatencyRatio } = limits;
  const isStable = stable.requests >= minRequests || before.requests < minRequests;
  const other: Tally = isStable ? stable : before;
  const rows = [
    row("5xx", percent(wave), percent(other), `${max5xxRisePercent} points more`),
    row("Mean latency", mean(wave), mean(other), `${maxLatencyRatio} times as long`),
    row("Requests", String(wave.requests), String(other.requests), `judged from ${minRequests} on`),
    row("Failures of its VM", String(wave.vmFailures), String(stable.vmFailures), "more of them for each proxy"),
    row("Proxies lost or restarted", String(wave.lost), String(stable.lost), "a quarter more of them"),
  ];
  const with_ = isStable ? `${count(stable.proxies, "proxy")} on the stable revision` : "the same proxies before";
  return html`<section class="panel" aria-labelledby="judge"><h2 id="judge">What the judge sees</h2>
<p class="mute">${count(wave.proxies, "proxy")} with the target, compared with ${with_}; counted ${ago(at, now)}</p>
${table(COLUMNS, rows, true)}</section>`;
}

function row(what: string, wave: string, other: string, limit: string): Html {
  return html`<tr><th scope="row">${what}</th><td class="num"><b>${wave}</b></td><td class="num">${other}</td><td class="mute">${limit}</td></tr>
`;
}

function percent({ requests, errors5xx }: Tally): string {
  return requests === 0 ? "–" : `${((100 * errors5xx) / requests).toFixed(2)}%`;
}

function mean({ latencySumMs, latencyCount }: Tally): string {
  return latencyCount === 0 ? "–" : `${(latencySumMs / latencyCount).toFixed(1)} ms`;
}
