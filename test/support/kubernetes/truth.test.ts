import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { countRuns, type Round, runs, statusClaim, Truth } from "./truth.ts";

const CLAIM = runs("w", "p", "one");
const LIE = { claim: "w: p runs one", answers: ["two"], led: [""] };

/** Of a machine that is idle: claims are there after 10 ms, answers 10 ms later. */
const round = (at: number, answer: string, more: Partial<Round> = {}): Round => ({
  ...{ askedAt: at, claimedAt: at + 10, answeredAt: at + 20, claims: [CLAIM], answers: new Map([["p", answer]]), leaders: [], ...more },
});

function judged(...rounds: readonly Round[]): Truth {
  const truth = new Truth();
  for (const each of rounds) truth.take(each);
  return truth;
}

describe("sampled truth", () => {
  test("a claim that a proxy contradicts for a second is a lie; one that follows it in time is none", () => {
    const late = judged(...[0, 300, 600, 900].map((at) => round(at, "two")), round(1_200, "two", { claims: [runs("w", "p", "two")] }));
    assert.deepEqual([late.lies(), late.longestMs], [[], 880]);
    const never = judged(...[0, 400, 800, 1_200].map((at) => round(at, "two")));
    assert.deepEqual(never.lies(), [{ ...LIE, ms: 1_180, lookMs: 10 }]);
    const flaps = judged(...[0, 900, 1_800, 2_700].map((at) => round(at, "two")));
    assert.deepEqual([flaps.lies(), flaps.close], [[], 0], "looks that are far apart tell nothing");
  });

  test("a claim is as old as the first answer that contradicts it, which may have been long in coming", () => {
    const slow = (at: number) => round(at, "two", { answeredAt: at + 400 });
    assert.deepEqual(judged(slow(0), slow(480), slow(960), slow(1_440)).lies(), [{ ...LIE, ms: 1_040, lookMs: 10 }]);
    assert.deepEqual(
      judged(slow(0), slow(480), slow(960), slow(1_400)).lies(),
      [],
      "1,390 ms after the first claim, and 1,000 after the first answer",
    );
  });

  test("a look that took long counts for as long as the claim differs, and does not excuse one that differs for good", () => {
    const stalled = round(300, "two", { claimedAt: 2_300, answeredAt: 2_310 });
    const after = [2_500, 2_800, 3_100].map((at) => round(at, "two"));
    assert.deepEqual(judged(round(0, "two"), stalled, ...after).lies(), []);
    const good = Array.from({ length: 20 }, (_, index) => round(2_500 + 300 * index, "two"));
    assert.deepEqual(
      judged(round(0, "two"), stalled, ...good)
        .lies()
        .map(({ claim, lookMs }) => [claim, lookMs]),
      [[LIE.claim, 2_000]],
    );
    const before = round(0, "one", { claimedAt: 2_000, answeredAt: 2_010 });
    const from = [2_200, 2_500, 2_800, 3_100, 3_400].map((at) => round(at, "two"));
    const [lie] = judged(...[0, 400, 800, 1_200].map((at) => round(at, "two", { leaders: at < 800 ? ["a"] : [] }))).lies();
    assert.deepEqual(lie?.led, ["a", ""]);
    assert.equal(judged(before, ...from).lies().length, 1, "a look that was over before it differed says nothing of it");
  });

  test("a claim ends with the first answer that agrees, and a proxy that does not answer neither begins nor ends one", () => {
    const agrees = [0, 400].map((at) => round(at, "two"));
    assert.deepEqual(judged(...agrees, round(800, "one"), round(1_200, "two"), round(1_600, "two")).lies(), []);
    const silent = (at: number) => round(at, "", { answers: new Map() });
    assert.deepEqual(judged(...[0, 400, 800, 1_200, 1_600].map(silent)).lies(), []);
    assert.deepEqual(judged(round(0, "two"), silent(400), silent(800), silent(1_200)).lies(), [
      { claim: LIE.claim, answers: [], ms: 1_180, lookMs: 10, led: [""] },
    ]);
  });

  test("a count is contradicted by more proxies that answer otherwise than it leaves over", () => {
    const claims = [countRuns("status", 2, 3, "one")];
    const answers = (...each: readonly string[]) => new Map(each.map((answer, index) => [`p${index}`, answer]));
    const all = (...each: readonly string[]) =>
      judged(...[0, 400, 800, 1_200].map((at) => round(at, "", { claims, answers: answers(...each) })));
    assert.equal(all("one", "one", "two").lies().length, 0);
    assert.equal(all("one", "two").lies().length, 0);
    assert.equal(all("one", "two", "two").lies().length, 1);
  });

  test("two that say twice that they lead did so at once", () => {
    const led = (at: number, ...leaders: readonly string[]) => round(at, "one", { leaders });
    const [first, both, second] = [led(0, "a"), led(200, "a", "b"), led(400, "b")];
    assert.deepEqual(judged(first, both, second).twoLeaders(), []);
    assert.deepEqual(judged(first, both, second, led(600, "a", "b"), led(800, "b", "a")).twoLeaders(), ["b and a"]);
  });
});

test("what a status says is updated has the target, and the stable revision once the target was taken back", () => {
  const marks = new Map([
    [25, "m34"],
    [26, "m39"],
  ]);
  const said = (state: "Progressing" | "RolledBack" | "Rejected" | "Succeeded", answer: string) =>
    statusClaim(
      { revision: 26, stableRevision: 25, proxies: { matched: 1, updated: 1, rejected: 0, pending: 0 }, rollout: { state } },
      (revision) => marks.get(revision),
    )?.holds(new Map([["p", answer]]));
  for (const state of ["RolledBack", "Rejected"] as const) assert.deepEqual([said(state, "m34"), said(state, "m39")], [true, false], state);
  for (const state of ["Progressing", "Succeeded"] as const)
    assert.deepEqual([said(state, "m34"), said(state, "m39")], [false, true], state);
  assert.equal(
    statusClaim({ revision: 27, proxies: { matched: 1, updated: 1, rejected: 0, pending: 0 } }, (each) => marks.get(each)),
    undefined,
  );
});
