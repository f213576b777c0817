import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { describe, test } from "node:test";
import { createAuthority } from "./certificate.ts";
import { type AuthorityState, bundleOf, CA_VALID_MS, CLIENT_VALID_MS, endOf, nextStep, type Step, take } from "./rotation.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const START = Date.parse("2026-01-02T00:00:00Z");

const make = (now: number) => createAuthority(`Weir ${now}`, now, CA_VALID_MS);

/** Takes all that is due at `now`. */
function settle(now: number, state: AuthorityState, wish?: string): { state: AuthorityState; steps: Step[]; until: number } {
  const steps: Step[] = [];
  for (;;) {
    const step = nextStep(now, state, wish);
    if (step.kind === "wait") return { state, steps, until: step.until };
    steps.push(step);
    assert(steps.length < 8, "steps come to an end");
    state = take(step, state, wish, () => make(now));
  }
}

describe("the rotation of an authority", () => {
  test("over five years each new one counts for a week before it signs, and each old one for two days after", () => {
    const first = make(START);
    let state: AuthorityState = { signing: first };
    const counted = new Map<string, { since: number; signed?: number; left?: number }>();
    for (let now = START; now < START + 5 * 365 * DAY; now += 12 * HOUR) {
      ({ state } = settle(now, state));
      const bundle = bundleOf(state);
      assert(endOf(state.signing.cert) > now + 50 * DAY, "who signs has weeks to go");
      assert(bundle.includes(state.signing.cert.trim()));
      for (const [cert, times] of counted) if (!bundle.includes(cert.trim())) times.left ??= now;
      for (const cert of [state.signing.cert, state.next?.cert, state.previous?.cert].filter((one) => one !== undefined))
        if (!counted.has(cert)) counted.set(cert, { since: now });
      const signing = counted.get(state.signing.cert);
      if (signing !== undefined) signing.signed ??= now;
    }
    const all = [...counted.values()];
    assert.equal(all.length, 6);
    for (const [index, one] of all.entries()) {
      if (index > 0) assert((one.signed ?? 0) - one.since >= 7 * DAY, "it counts for a week before it signs");
      const next = all[index + 1];
      if (next?.signed !== undefined)
        assert((one.left ?? 0) - next.signed >= CLIENT_VALID_MS, "it counts until the last certificate of it has ended");
    }
  });

  test("the bundle is the same text before and after the change", () => {
    let { state } = settle(START, { signing: make(START) }, "now");
    const announced = bundleOf(state);
    assert.equal(announced.match(/BEGIN CERT/g)?.length, 2);
    const old = state.signing.cert;
    ({ state } = settle(START + 15 * MINUTE, state, "now"));
    assert.notEqual(state.signing.cert, old);
    assert.equal(state.previous?.cert, old);
    assert.equal(bundleOf(state), announced);
  });

  test("a wish is heard once: a quarter of an hour later the new one signs; a second wish waits for the end of the first", () => {
    let { state, steps, until } = settle(START, { signing: make(START) }, "a");
    assert.deepEqual(steps, [{ kind: "announce", signsAt: START + 15 * MINUTE }]);
    assert.equal(until, START + 15 * MINUTE);
    assert.deepEqual(settle(START + 14 * MINUTE, state, "a").steps, []);
    ({ state, steps, until } = settle(START + 15 * MINUTE, state, "a"));
    assert.deepEqual(
      steps.map(({ kind }) => kind),
      ["change"],
    );
    assert.deepEqual(settle(START + DAY, state, "b").steps, [], "one rotation at a time");
    ({ state, steps } = settle(until, state, "b"));
    assert.deepEqual(
      steps.map(({ kind }) => kind),
      ["drop", "announce"],
    );
    assert.deepEqual(settle(until + MINUTE, state, undefined).steps, [], "taking the annotation away asks for nothing");
  });

  test("a wish hastens a rotation that is under way", () => {
    const signing = make(START);
    const due = endOf(signing.cert) - 60 * DAY;
    let { state, steps } = settle(due, { signing });
    assert.deepEqual(steps, [{ kind: "announce", signsAt: due + 7 * DAY }]);
    ({ state, steps } = settle(due + DAY, state, "a"));
    assert.deepEqual(steps, [{ kind: "hasten", signsAt: due + DAY + 15 * MINUTE }]);
    ({ state } = settle(due + 2 * DAY, state, "a"));
    ({ state, steps } = settle(due + 5 * DAY, state, "a"));
    assert.deepEqual(
      steps.map(({ kind }) => kind),
      ["drop"],
    );
    assert.equal(state.previous, undefined);
  });

  test("a Weir that was away until its authority was about to end, or had ended, serves with a new one before the end, or at once", () => {
    const signing = make(START);
    const late = settle(endOf(signing.cert) - DAY, { signing });
    assert.deepEqual(late.steps, [{ kind: "announce", signsAt: endOf(signing.cert) }]);
    const now = endOf(signing.cert) + 400 * DAY;
    const { state, steps } = settle(now, { signing });
    assert.deepEqual(
      steps.map(({ kind }) => kind),
      ["announce", "change", "drop"],
    );
    assert(endOf(state.signing.cert) > now + 300 * DAY);
    // Both have ended meanwhile.
    const both = settle(now + 800 * DAY, late.state);
    assert(endOf(both.state.signing.cert) > now + 800 * DAY);
    assert.equal(bundleOf(both.state), `${both.state.signing.cert.trim()}\n`);
  });

  test("a new authority begins five minutes back, for clocks that are behind", () => {
    assert.equal(new X509Certificate(make(START).cert).validFromDate.getTime(), START - 5 * MINUTE);
  });
});
