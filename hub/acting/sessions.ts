import { randomBytes } from "node:crypto";
import { setBounded } from "../../base/bounded-map.ts";

export const SESSION_LIMITS = {
  /** In all; the one that was used least lately makes room. */
  count: 256,
  /** Of one person, whatever their tokens: they can have new ones made at any time. */
  ofOwner: 32,
  /** Milliseconds without a request of theirs. */
  idleMs: 30 * 60_000,
  /** Milliseconds in all. */
  longestMs: 8 * 60 * 60_000,
};

interface Session {
  readonly token: string;
  readonly owner: string;
  /** Milliseconds since the epoch. */
  readonly ends: number;
  readonly usedAt: number;
}

/** Tokens of people who signed in, in memory and nowhere else: a browser has a random id instead. */
export class Sessions {
  private readonly sessions = new Map<string, Session>();
  private readonly now: () => number;
  private readonly limits: typeof SESSION_LIMITS;

  constructor(now: () => number, limits: typeof SESSION_LIMITS = SESSION_LIMITS) {
    this.now = now;
    this.limits = limits;
  }

  get size(): number {
    return this.sessions.size;
  }

  /** `owner`: the person's name; `until`: when the token ends. Gives the id, and for how many seconds it is of use. */
  open(token: string, owner: string, until: number | undefined): { readonly id: string; readonly seconds: number } {
    const { count, ofOwner, longestMs } = this.limits;
    const now = this.now();
    for (const [id, session] of this.sessions) if (!this.isLive(session)) this.sessions.delete(id);
    const same = [...this.sessions].filter(([, session]) => session.owner === owner);
    for (const [id] of same.slice(0, Math.max(0, same.length - ofOwner + 1))) this.sessions.delete(id);
    const id = randomBytes(32).toString("base64url");
    const ends = Math.min(now + longestMs, until ?? Number.POSITIVE_INFINITY);
    setBounded(this.sessions, id, { token, owner, ends, usedAt: now }, count);
    return { id, seconds: Math.max(0, Math.floor((ends - now) / 1_000)) };
  }

  /** The token of a session that is live. `isUse`: its person asks, and no script of a page that they left open. */
  find(id: string, isUse: boolean): string | undefined {
    const session = this.sessions.get(id);
    if (session === undefined) return undefined;
    if (!this.isLive(session)) {
      this.sessions.delete(id);
      return undefined;
    }
    if (isUse) setBounded(this.sessions, id, { ...session, usedAt: this.now() }, this.limits.count);
    return session.token;
  }

  /** Whether there was such a session. */
  close(id: string): boolean {
    return this.sessions.delete(id);
  }

  private isLive({ ends, usedAt }: Session): boolean {
    const now = this.now();
    return now < ends && now < usedAt + this.limits.idleMs;
  }
}
