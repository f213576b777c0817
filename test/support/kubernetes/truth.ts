/** Something that Weir says of proxies: by whom, of what, and whether it agrees with what they answered. */
export interface Claim {
  /** The same for the same words of the same speaker. */
  readonly id: string;
  /** `answers`: by proxy, the digest that it answers with. `undefined`: these answers say nothing of it. */
  holds(answers: ReadonlyMap<string, string>): boolean | undefined;
}

/** What was claimed at one moment, and what the proxies answered right after. Times in milliseconds. */
export interface Round {
  /** Before the claims were asked for. */
  readonly askedAt: number;
  /** When all were there; the proxies were asked from then on. */
  readonly claimedAt: number;
  readonly claims: readonly Claim[];
  readonly answers: ReadonlyMap<string, string>;
  /** Who said that it decides. */
  readonly leaders: readonly string[];
}

/** A claim that stood while every answer said otherwise. */
export interface Lie {
  readonly claim: string;
  readonly ms: number;
}

/** Judges rounds as they come. */
export class Truth {
  /** No longer than this may a claim differ from what is so, where a look takes no time. */
  private readonly mostMs: number;
  private last: Round | undefined;
  /** By claim: since when every answer differed. */
  private differs = new Map<string, number>();
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
    // Where the machine is so busy that a look takes long, what Weir reads and writes meanwhile takes long too.
    const slack = 2 * Math.max(lookMs(last), lookMs(round));
    this.slowestMs = Math.max(this.slowestMs, slack / 2);
    const before = new Map(last.claims.map((claim) => [claim.id, claim]));
    const differs = new Map<string, number>();
    for (const { id } of round.claims) {
      // It stood from then to now, and in between the proxies were asked.
      const holds = before.get(id)?.holds(last.answers);
      const since = this.differs.get(id);
      if (holds === undefined ? since === undefined : holds) continue;
      const from = since ?? last.claimedAt;
      if (!before.has(id)) continue;
      differs.set(id, from);
      const ms = round.askedAt - from;
      this.longestMs = Math.max(this.longestMs, ms);
      if (ms >= this.mostMs + slack) this.found.set(id, { claim: id, ms });
    }
    this.differs = differs;
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
}

const lookMs = ({ askedAt, claimedAt }: Round): number => claimedAt - askedAt;

/** Of one proxy: it runs this. */
export function runs(by: string, proxy: string, digest: string): Claim {
  return {
    id: `${by}: ${proxy} runs ${digest}`,
    holds(answers) {
      const answer = answers.get(proxy);
      return answer === undefined ? undefined : answer === digest;
    },
  };
}

/** So many proxies of `all` run this, at least. Those that do not answer may. */
export function countRuns(by: string, count: number, all: number, digest: string): Claim {
  return {
    id: `${by}: ${count} run ${digest}`,
    holds: (answers) => [...answers.values()].filter((answer) => answer !== digest).length <= all - count,
  };
}
