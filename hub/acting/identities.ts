import { createHmac, randomBytes } from "node:crypto";
import { setBounded } from "../../base/bounded-map.ts";
import { createFairTurns } from "../../base/fair-turns.ts";
import { TokenBucket } from "../../base/token-bucket.ts";
import type { People, Person } from "../../model/people.ts";
import { fail, failForNow, type Result } from "../../model/result.ts";

export const IDENTITY_LIMITS = {
  /** Tokens whose bearer is remembered. */
  remembered: 512,
  /** Milliseconds for which it is, and for which a refusal is. */
  knownMs: 30_000,
  refusedMs: 5_000,
  /** Milliseconds for which an answer to whether somebody may do something counts, and how many of one person. */
  rightMs: 5_000,
  rights: 256,
  /** Tokens of one address that turn out to be none: at once, and a second after that. */
  failures: 10,
  failuresPerSecond: 0.1,
  addresses: 1_024,
};

/** A token as a header can carry it. A ServiceAccount's has 1 to 2 KB. https://www.rfc-editor.org/rfc/rfc6750#section-2.1 */
const TOKEN = /^[\x21-\x7e]{1,8192}$/;

/** Who is asked for at once, and who waits for it, by address. */
const TURNS = { places: 8, waiting: 128, waitingPerKey: 32 };

/** Who people are by their tokens, remembered for seconds by a hash of the token; who guesses tokens is slowed down. */
export class Identities {
  private readonly people: People;
  private readonly now: () => number;
  private readonly key = randomBytes(32);
  private readonly known = new Map<string, { readonly until: number; readonly found: Promise<Result<Person>> }>();
  private readonly failures = new Map<string, TokenBucket>();
  private readonly turns = createFairTurns(TURNS);

  constructor(people: People, now: () => number) {
    this.people = people;
    this.now = now;
  }

  async find(token: string, address: string): Promise<Result<Person>> {
    if (!TOKEN.test(token))
      return fail("Unauthorized", "that is no bearer token: it is one line of letters, digits and signs, at most 8 KiB");
    const hash = createHmac("sha256", this.key).update(token).digest("base64");
    const known = this.known.get(hash);
    if (known !== undefined && this.now() < known.until) return known.found;
    const bucket = this.failures.get(address) ?? new TokenBucket(IDENTITY_LIMITS.failures, IDENTITY_LIMITS.failuresPerSecond);
    setBounded(this.failures, address, bucket, IDENTITY_LIMITS.addresses);
    if (!bucket.take(this.now())) return failForNow("TooManyAttempts", "too many tokens from this address were none; wait a minute");
    const found = this.ask(token, address);
    this.remember(hash, found, IDENTITY_LIMITS.knownMs);
    const result = await found;
    if (result.ok || result.error.retryable) bucket.giveBack();
    if (!result.ok && result.error.retryable) this.known.delete(hash);
    else if (!result.ok) this.remember(hash, found, IDENTITY_LIMITS.refusedMs);
    return result;
  }

  private remember(hash: string, found: Promise<Result<Person>>, forMs: number): void {
    setBounded(this.known, hash, { until: this.now() + forMs, found }, IDENTITY_LIMITS.remembered);
  }

  private async ask(token: string, address: string): Promise<Result<Person>> {
    const found = await this.turns.run(address, () => this.people.find(token));
    if (found === undefined) return failForNow("Busy", "too many people sign in at once; try again");
    return found.ok ? { ok: true, value: remembering(found.value, this.now) } : found;
  }
}

/** The person, whose rights are not asked for again for some seconds. What is done is never remembered. */
function remembering(person: Person, now: () => number): Person {
  const known = new Map<string, { readonly until: number; readonly answer: Promise<Result<boolean>> }>();
  async function ask(key: string, first: () => Promise<Result<boolean>>): Promise<Result<boolean>> {
    const before = known.get(key);
    if (before !== undefined && now() < before.until) return before.answer;
    const answer = first();
    setBounded(known, key, { until: now() + IDENTITY_LIMITS.rightMs, answer }, IDENTITY_LIMITS.rights);
    const result = await answer;
    if (!result.ok) known.delete(key);
    return result;
  }
  return {
    name: person.name,
    groups: person.groups,
    until: person.until,
    mayRead: () => ask("read", () => person.mayRead()),
    may: (right, place) => ask([right, place.namespace, place.name ?? ""].join(" "), () => person.may(right, place)),
    read: (key) => person.read(key),
    patch: (key, patch, options) => person.patch(key, patch, options),
  };
}
