import assert from "node:assert/strict";
import { test } from "node:test";
import { clip } from "../base/text.ts";
import { printInput } from "./fuzz/corpus.ts";
import { session } from "./fuzz/session.ts";
import { TARGETS } from "./fuzz/targets.ts";

/** For each target; `npm run fuzz` takes ten minutes. */
const MS = 4_000;
/** Characters of an input at fault. */
const SHOWN = 2_000;

for (const { name } of TARGETS) {
  test(`no input breaks a promise of what reads ${name}, and mutations reach more than the seeds`, async (t) => {
    const seed = Date.now() % 2 ** 31;
    const { tried, seeded, reached, faults } = await session(name, seed, MS);
    t.diagnostic(
      `seed ${seed}: ${tried} inputs tried, ${seeded.lines} -> ${reached.lines} lines, ${seeded.states} -> ${reached.states} end states, ${faults.length} faults`,
    );
    const told = faults.map(({ message, input }) => `${message}: ${clip(printInput(input), SHOWN)}`);
    assert.deepEqual(told, [], "the whole inputs: npm run fuzz with this seed");
    assert(reached.lines > seeded.lines, "nothing new was reached");
  });
}
