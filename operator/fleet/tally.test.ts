import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { createTally, type Seen } from "./tally.ts";

const ids = ["a", "b", "c", "d", "e"];

const seen: fc.Arbitrary<Seen | undefined> = fc.option(
  fc.record({
    state: fc.constantFrom("updated", "rejected", "pending"),
    isConnected: fc.boolean(),
    since: fc.integer({ min: 0, max: 20 }),
    isWaitedFor: fc.boolean(),
    isHung: fc.boolean(),
    hasStandIn: fc.boolean(),
    rejection: fc.option(fc.constantFrom("no", "never"), { nil: undefined }),
  }),
  { nil: undefined },
);

/** What a tally is to say, counted anew. */
function count(proxies: ReadonlyMap<string, Seen>, lostAt: number) {
  const all = [...proxies];
  const of = (state: Seen["state"]) => all.filter(([, each]) => each.state === state).length;
  const connected = all.filter(([, each]) => each.isConnected);
  return {
    counts: { matched: all.length, updated: of("updated"), rejected: of("rejected"), pending: of("pending") },
    outstanding: all.filter(([, each]) => each.isWaitedFor && (each.isConnected || each.since > lostAt)).length,
    rejected: all
      .filter(([, each]) => each.rejection !== undefined)
      .map(([id]) => id)
      .sort(),
    present: (connected.length > 0 ? connected : all).map(([id]) => id).sort(),
  };
}

describe("a tally", () => {
  test("says after every change of a proxy what a count of all of them says", () => {
    const changes = fc.array(fc.tuple(fc.constantFrom(...ids), seen), { maxLength: 40 });
    fc.assert(
      fc.property(changes, fc.integer({ min: 0, max: 20 }), (steps, lostAt) => {
        const tally = createTally();
        const proxies = new Map<string, Seen>();
        for (const [id, now] of steps) {
          tally.set(id, now);
          if (now === undefined) proxies.delete(id);
          else proxies.set(id, now);
          const said = {
            counts: tally.counts(),
            outstanding: tally.outstanding(lostAt),
            rejected: tally.rejections().map(({ key }) => key),
            present: [...tally.present()].sort(),
          };
          assert.deepEqual(said, count(proxies, lostAt));
        }
      }),
    );
  });
});
