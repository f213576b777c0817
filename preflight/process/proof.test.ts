import assert from "node:assert/strict";
import { test } from "node:test";
import { runProof } from "./proof.ts";
import type { Prover } from "./prover.ts";

const LIMITS = { phaseMs: { read: 100, compile: 100, start: 100, configure: 100, traffic: 100 }, maxLoadMs: 20_000, residentMb: 1_000 };

/** A prover that begins to read and never answers. `cpuMs`: what it takes of the processor, after so many milliseconds. */
async function timeOf(cpuMs: (passed: number) => number | undefined): Promise<number> {
  const began = performance.now();
  const prover: Prover = {
    hasEnded: false,
    send() {},
    listen: (onMessage) => setImmediate(() => onMessage({ phase: "read" })),
    usage() {
      const taken = cpuMs(performance.now() - began);
      return taken === undefined ? undefined : { cpuMs: taken, residentMb: 10 };
    },
    kill() {},
  };
  const found = await runProof(prover, {} as Parameters<typeof runProof>[1], new Uint8Array(), LIMITS);
  assert.equal(found.ok ? "" : found.error.reason, "Timeout");
  return performance.now() - began;
}

test("a module that waits for a processor has four times as long as one that hangs, and no longer", async () => {
  const [hangs, starves, unseen] = await Promise.all([timeOf((passed) => passed + 10), timeOf(() => 0), timeOf(() => undefined)]);
  assert.ok(starves > 390, `${starves} ms`);
  // They ran at the same time: a busy machine delays all of them. A timer that is a part of a millisecond early has another 100 ms to go.
  assert.ok(hangs < starves - 150 && unseen < starves - 150, `${hangs}, ${unseen} and ${starves} ms`);
});
