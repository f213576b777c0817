import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { parseDuration } from "../base/duration.ts";
import { keep, printInput } from "../test/fuzz/corpus.ts";
import { nameOf, type Outcome, sizeOf } from "../test/fuzz/fuzzer.ts";
import { session } from "../test/fuzz/session.ts";
import { TARGETS, targetOf } from "../test/fuzz/targets.ts";
import { ROOT } from "./tests/files.ts";

/**
 * `npm run fuzz [-- TARGET...] [--for 10m] [--seed N]`: fuzzes each target for that time, one after the other, and keeps the inputs that reach something new.
 * Exit status 1 when an input breaks a promise, or nothing was reached beyond the tests' own inputs. An input at fault is written to `.weir/faults/`; put it into a test.
 */
const DEFAULT_TIME = "10m";
const FAULTS = join(ROOT, ".weir/faults");

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { for: { type: "string", default: DEFAULT_TIME }, seed: { type: "string", default: String(Date.now() % 2 ** 31) } },
});
const ms = parseDuration(values.for);
if (ms === undefined) throw new Error(`--for ${values.for} is not a duration; write it like 30s or 10m`);
const targets = positionals.length === 0 ? TARGETS : positionals.map(targetOf);

let isGood = true;
for (const { name } of targets) {
  const outcome = await session(name, Number(values.seed), ms);
  const kept = await keep(name, outcome.grown);
  console.log(`${summaryOf(outcome)}; ${kept} kept`);
  isGood = hasGrown(outcome) && outcome.faults.length === 0 && isGood;
  for (const { message, input } of outcome.faults) {
    const path = join(FAULTS, `${name}-${nameOf(input)}.txt`);
    await mkdir(FAULTS, { recursive: true });
    await writeFile(path, `${printInput(input)}\n`);
    console.log(`  ${message.replaceAll("\n", "\n  ")}\n  ${sizeOf(input)} bytes in ${path}`);
  }
}
process.exitCode = isGood ? 0 : 1;

function summaryOf({ target, seed, tried, seeded, reached, faults }: Outcome): string {
  const grown = `${seeded.lines} -> ${reached.lines} lines, ${seeded.states} -> ${reached.states} end states`;
  return `${target.padEnd(10)} seed ${seed}: ${tried} inputs tried, ${grown}, ${faults.length} faults`;
}

function hasGrown({ seeded, reached }: Outcome): boolean {
  return reached.lines > seeded.lines || reached.states > seeded.states;
}
