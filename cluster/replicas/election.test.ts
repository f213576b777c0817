import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ELECTION_TIMES, Election, type LeaseRecord, type Moment } from "./election.ts";

const { leaseMs, decideMs } = ELECTION_TIMES;
const at = (ms: number): Moment => ({ steady: ms, wall: 1_000_000 + ms });
const lease = (holder: string, version: string, more: Partial<LeaseRecord> = {}): LeaseRecord => ({
  ...{ holder, version, durationMs: leaseMs, transitions: 0 },
  ...more,
});

test("a lease that nobody made is made, and one that somebody released is taken at once", () => {
  const election = new Election("a");
  assert.equal(election.next(at(0)).kind, "look");
  election.saw(undefined, at(0));
  assert.equal(election.next(at(0)).kind, "make");
  election.saw(lease("", "7", { transitions: 4 }), at(0));
  assert.deepEqual(election.next(at(0)), { kind: "take", replaces: lease("", "7", { transitions: 4 }), transitions: 5 });
});

test("a candidate waits from when it heard of the last renewal, and for as long as that one's holder said", () => {
  const election = new Election("a");
  election.saw(lease("b", "1"), at(0));
  election.saw(lease("b", "1"), at(10_000));
  assert.equal(election.next(at(leaseMs - 1)).kind, "look");
  assert.equal(election.next(at(leaseMs)).kind, "take");
  election.saw(lease("b", "2", { durationMs: 60_000 }), at(leaseMs));
  assert.equal(election.next(at(leaseMs + 59_999)).kind, "look");
  assert.equal(election.next(at(leaseMs + 60_000)).kind, "take");
});

test("a process that took the place of the one that holds the lease takes that at once, and nobody else's", () => {
  const election = new Election("a2");
  election.succeed("a1");
  election.saw(lease("b", "1"), at(0));
  assert.equal(election.next(at(1)).kind, "look");
  election.saw(lease("a1", "2", { transitions: 3 }), at(2));
  assert.deepEqual(election.next(at(3)), { kind: "take", replaces: lease("a1", "2", { transitions: 3 }), transitions: 4 });
  // What the one before asked for last may arrive late.
  election.refused();
  election.saw(lease("a1", "3"), at(4));
  assert.equal(election.next(at(5)).kind, "take");
});

test("a leader decides for a time from when it sent its renewal, whichever clock says that it is over", () => {
  const election = new Election("a");
  election.took(lease("a", "1"), at(0), at(9_000));
  assert.equal(election.leadsForMs(at(9_000)), decideMs - 9_000);
  assert.ok(!election.isLeading(at(decideMs)));
  assert.ok(!election.isLeading({ steady: 1, wall: at(decideMs).wall }), "the machine slept");
  assert.ok(!election.isLeading({ steady: decideMs, wall: at(-5_000).wall }), "its time was set back");
  assert.equal(election.next(at(1)).kind, "renew");
});

test("whoever holds the lease now leads, whatever this process thought", () => {
  const election = new Election("a");
  election.took(lease("a", "1"), at(0), at(0));
  election.refused();
  assert.ok(election.isLeading(at(1)), "it may have been this process itself, by a write whose answer was lost");
  assert.equal(election.next(at(1)).kind, "look");
  election.saw(lease("b", "2"), at(2));
  assert.ok(!election.isLeading(at(2)));
  election.took(lease("a", "3"), at(3), at(3));
  election.resign();
  assert.ok(!election.isLeading(at(3)));
});

test("a leader whose clock is slow has stopped when a candidate whose clock is fast begins", () => {
  const [leader, candidate] = [new Election("a"), new Election("b")];
  leader.took(lease("a", "1"), at(0), at(0));
  candidate.saw(lease("a", "1"), at(0));
  for (let ms = 0; ms < 2 * leaseMs; ms += 10) {
    const begins = candidate.next(at(ms * 1.2)).kind === "take";
    assert.ok(!begins || !leader.isLeading(at(ms * 0.85)), `both at ${ms} ms`);
  }
});

/** An API server and candidates whose clocks run at rates of their own, whose requests arrive late or not at all, and whose answers do too. */
interface Candidate {
  readonly election: Election;
  readonly id: string;
  readonly rate: number;
  readonly offset: number;
  pending: { readonly step: ReturnType<Election["next"]>; readonly sent: Moment }[];
  answers: (() => void)[];
}

const event = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("turn" as const), who: fc.nat(2) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("step" as const), who: fc.nat(2) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("arrive" as const), who: fc.nat(2) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("answer" as const), who: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("lose" as const, "release" as const), who: fc.nat(2) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("wait" as const), who: fc.nat({ max: 3_000 }) }) },
);

test("two never lead at once, however late requests and answers are and however the clocks run", () => {
  const rates = fc.tuple(fc.constantFrom(0.85, 1), fc.constantFrom(1, 1.2));
  let reigns = 0;
  fc.assert(
    fc.property(rates, fc.array(event, { minLength: 40, maxLength: 80, size: "max" }), ([slow, fast], events) => {
      let now = 0;
      let version = 0;
      let stored: LeaseRecord | undefined;
      const candidates = [1, slow, fast].map((rate, index): Candidate => {
        const id = `c${index}`;
        return { election: new Election(id), id, rate, offset: index * 5_000, pending: [], answers: [] };
      });
      const moment = ({ rate, offset }: Candidate): Moment => ({ steady: now * rate + offset, wall: now * rate - offset });
      const ask = (candidate: Candidate) =>
        candidate.pending.push({ step: candidate.election.next(moment(candidate)), sent: moment(candidate) });
      const arrive = (candidate: Candidate) => {
        const request = candidate.pending.shift();
        if (request === undefined) return;
        const { step, sent } = request;
        const { election, id } = candidate;
        if (step.kind === "look") {
          const found = stored;
          candidate.answers.push(() => election.saw(found, moment(candidate)));
          return;
        }
        const base = step.kind === "make" ? undefined : step.replaces.version;
        if (stored?.version !== base) {
          candidate.answers.push(() => election.refused());
          return;
        }
        const written = lease(id, String(++version), { transitions: step.kind === "make" ? 0 : step.transitions });
        stored = written;
        candidate.answers.push(() => election.took(written, sent, moment(candidate)));
      };
      for (const { kind, who } of events) {
        const candidate = candidates[kind === "wait" ? 0 : who];
        if (candidate === undefined) continue;
        if (kind === "wait") now += who;
        else if (kind === "turn") {
          ask(candidate);
          while (candidate.pending.length > 0) arrive(candidate);
          while (candidate.answers.length > 0) candidate.answers.shift()?.();
        } else if (kind === "step") ask(candidate);
        else if (kind === "arrive") arrive(candidate);
        else if (kind === "answer") candidate.answers.shift()?.();
        else if (kind === "lose") (candidate.pending.length > 0 ? candidate.pending : candidate.answers).shift();
        else {
          candidate.election.resign();
          if (stored?.holder === candidate.id) stored = { ...stored, holder: "", version: String(++version) };
        }
        const leading = candidates.filter((one) => one.election.isLeading(moment(one)));
        if (leading.length > 0) reigns++;
        assert.ok(leading.length <= 1, `${leading.map(({ id }) => id)} lead at once`);
      }
    }),
    { numRuns: 2_000 },
  );
  assert.ok(reigns > 100, `somebody led in ${reigns} moments`);
});
