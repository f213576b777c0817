import type { Benchmark } from "../../author/index.ts";
import { count, oneLine } from "../../base/text.ts";

export interface BenchmarkNames {
  readonly module: string;
  /** File and line of the case. */
  readonly place: string;
  readonly name: string;
}

/** What `weir bench` prints. */
export function renderBenchmark({ module, place, name }: BenchmarkNames, benchmark: Benchmark): string {
  const { ns, wholeNs, hostNs, exchanges, rounds, calls, pages } = benchmark;
  const all = calls.reduce((sum, each) => sum + each.count, 0);
  const list = calls.map((each) => `${each.name} ${each.count}`).join(", ");
  const memory =
    pages.before === pages.after ? `${count(pages.after, "page")}, before and after` : `${pages.before} pages before, ${pages.after} after`;
  return [
    `${oneLine(module)}, ${oneLine(place)}: ${oneLine(name)}`,
    `  an exchange  ${whole(ns)} ns in the filter and its host calls, the median of ${rounds} rounds, ${whole(exchanges)} exchanges`,
    `               ${whole(wholeNs.median)} ns with the ${whole(hostNs)} of the host around it (fastest round ${whole(wholeNs.fastest)}, slowest ${whole(wholeNs.slowest)})`,
    `  host calls   ${all}${all === 0 ? "" : `: ${list}`}`,
    `  memory       ${memory}`,
    "",
  ].join("\n");
}

function whole(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}
