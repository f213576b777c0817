import type { WasmFilterStatus } from "../../../model/gen/wasmfilter.ts";
import { isTakenBack } from "../../../model/revision.ts";

/** Something that Weir says of proxies: by whom, of what, and whether it agrees with what they answered. */
export interface Claim {
  /** The same for the same words of the same speaker. */
  readonly id: string;
  /** `answers`: by proxy, what it answers with. `undefined`: these answers say nothing of it. */
  holds(answers: ReadonlyMap<string, string>): boolean | undefined;
}

/** What was claimed at one moment, and what the proxies answered right after. Times in milliseconds. */
export interface Round {
  /** Before the claims were asked for. */
  readonly askedAt: number;
  /** When all were there; the proxies were asked from then on. */
  readonly claimedAt: number;
  /** When all answers were there. */
  readonly answeredAt: number;
  readonly claims: readonly Claim[];
  readonly answers: ReadonlyMap<string, string>;
  /** Who said that it decides. */
  readonly leaders: readonly string[];
}

/** A claim that stood while every answer said otherwise. */
export interface Lie {
  readonly claim: string;
  /** What the proxies answered last, each answer once. */
  readonly answers: readonly string[];
  readonly ms: number;
  /** The slowest look meanwhile. */
  readonly lookMs: number;
  /** Who said meanwhile that it decides, one after the other; "": nobody. */
  readonly led: readonly string[];
}

/** Of a claim that differs: since when it is known to, and the slowest look from then on. */
interface Differing {
  readonly from: number;
  readonly lookMs: number;
  readonly led: readonly string[];
}

/** So many times the slowest look meanwhile is added to what a claim may be behind. */
const SLACK = 2;

/**
 * Judges rounds as they come. A claim is as old as is sure: it differs from when the first answer that says otherwise was there, however long the proxy took for it, until it
 * was asked for the last time and was still there.
 */
export class Truth {
  /** No longer than this may a claim differ from what is so, where a look takes no time. */
  private readonly mostMs: number;
  private last: Round | undefined;
  /** By claim that every answer contradicted. */
  private differs = new Map<string, Differing>();
  private readonly found = new Map<string, Lie>();
  private two: string[] = [];
  rounds = 0;
  /** Of these rounds, those so soon after the one before that a claim of both stood in between. What is further apart may have changed and changed back. */
  close = 0;
  claims = 0;
  /** How long a claim differed at the longest. */
  longestMs = 0;
  /** How long a look took at the longest. */
  slowestMs = 0;

  constructor(mostMs = 1_000) {
    this.mostMs = mostMs;
  }

  take(round: Round): void {
    this.rounds += 1;
    this.claims += round.claims.length;
    const { last } = this;
    this.last = round;
    if (last === undefined) return;
    if (round.askedAt - last.claimedAt > this.mostMs / 2) {
      this.differs.clear();
      return;
    }
    this.close += 1;
    this.slowestMs = Math.max(this.slowestMs, lookMs(last), lookMs(round));
    this.differs = this.differing(last, round);
    // Each of two that said so twice led all the while between.
    const both = round.leaders.filter((name) => last.leaders.includes(name));
    if (both.length > 1) this.two.push(both.join(" and "));
  }

  lies(): readonly Lie[] {
    return [...this.found.values()];
  }

  /** Who led at the same time. */
  twoLeaders(): readonly string[] {
    return this.two;
  }

  /** The claims that stood from the one round to the other, and differ from what the proxies answered in between. */
  private differing(last: Round, round: Round): Map<string, Differing> {
    const before = new Map(last.claims.map((claim) => [claim.id, claim]));
    const differs = new Map<string, Differing>();
    for (const { id } of round.claims) {
      const claim = before.get(id);
      const known = this.differs.get(id);
      if (claim === undefined || (claim.holds(last.answers) ?? known === undefined)) continue;
      const from = known?.from ?? last.answeredAt;
      // Where the machine is so busy that a look takes long, what Weir reads and writes meanwhile takes long too: all the while, not at the last look alone.
      const slowest = Math.max(known?.lookMs ?? lookMs(last), lookMs(round));
      const led = [...(known?.led ?? []), round.leaders.join(" and ")].filter((each, index, all) => each !== all[index - 1]);
      differs.set(id, { from, lookMs: slowest, led });
      const ms = round.askedAt - from;
      this.longestMs = Math.max(this.longestMs, ms);
      if (ms < this.mostMs + SLACK * slowest) continue;
      this.found.set(id, { claim: id, answers: [...new Set(last.answers.values())], ms, lookMs: slowest, led });
    }
    return differs;
  }
}

const lookMs = ({ askedAt, claimedAt }: Round): number => claimedAt - askedAt;

/** Of one proxy: it runs this. */
export function runs(by: string, proxy: string, what: string): Claim {
  return {
    id: `${by}: ${proxy} runs ${what}`,
    holds(answers) {
      const answer = answers.get(proxy);
      return answer === undefined ? undefined : answer === what;
    },
  };
}

/**
 * What a status says of its proxies; `undefined`: nothing that is known. Those that are updated have the target, or, once it was taken back, the stable revision.
 * `markOf`: what a revision answers with.
 */
export function statusClaim(status: WasmFilterStatus | undefined, markOf: (revision: number) => string | undefined): Claim | undefined {
  const { rollout, revision = 0, stableRevision = 0, proxies } = status ?? {};
  const goal = isTakenBack(rollout?.state) ? stableRevision : revision;
  const mark = markOf(goal);
  const updated = proxies?.updated ?? 0;
  return mark === undefined || updated === 0
    ? undefined
    : countRuns(`status of revision ${revision}`, updated, proxies?.matched ?? updated, mark);
}

/** So many proxies of `all` run this, at least. Those that do not answer may. */
export function countRuns(by: string, count: number, all: number, what: string): Claim {
  return {
    id: `${by}: ${count} run ${what}`,
    holds: (answers) => [...answers.values()].filter((answer) => answer !== what).length <= all - count,
  };
}
