import { describeMs } from "../../base/duration.ts";
import { count, oneLine, wrap } from "../../base/text.ts";
import type { Measurements } from "../../model/verdict.ts";
import { table } from "./table.ts";

/** What `weir verify` prints about a module that passed. */
export function renderVerdict(
  name: string,
  { size, compileMs, startMs, loadMs, memoryPages, imports, exports, abi, effects, told }: Measurements,
): string {
  const rows = [
    ["ABI", `proxy-wasm ${abi}`],
    ["size", `${size} bytes`],
    ["compiled in", `${compileMs.toFixed(1)} ms`],
    ...(loadMs === undefined ? [] : [["loads in", `${describeMs(loadMs)} of CPU on each proxy`]]),
    ["started in", `${startMs.toFixed(1)} ms`],
    ["memory", count(memoryPages, "page", " of 64 KiB")],
    ["callbacks", String(exports.length)],
    ["imports", String(imports.length)],
  ];
  const used =
    imports.length === 0
      ? []
      : wrap(imports.map(oneLine).join(" "), 96)
          .split("\n")
          .map((line) => `    ${line}`);
  const failing =
    told === undefined ? [] : [`  fails requests (${told.reason}), which --traffic Report lets through`, `    ${oneLine(told.message)}`];
  const did = effects.length === 0 ? [] : ["  on the requests", ...effects.map((effect) => `    ${oneLine(effect)}`)];
  return `${[`${name} loads`, ...table(undefined, rows, "  "), ...used, ...failing, ...did].join("\n")}\n`;
}
