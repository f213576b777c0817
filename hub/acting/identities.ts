import { createHmac, randomBytes } from "node:crypto";
import { setBounded } from "../../base/bounded-map.ts";
import { createFairTurns } from "../../base/fair-turns.ts";
import { TokenBucket } from "../../base/token-bucket.ts";
import type { People, Person } from "../../model/people.ts";
import { fail, failForNow, ok, type Result } from "../../model/result.ts";

export const IDENTITY_LIMITS = {
  /** Tokens whose bearer is remembered. */
  remembered: 512,
  /** Milliseconds for which it is, and for which a refusal is. */
  knownMs: 30_000,
  refusedMs: 5_000,
  /** Milliseconds for which an answer to whether somebody may do something counts, and how many of one person. */
  rightMs: 5_000,
  rights: 256,
  /** Tokens of one address that turned out to be none: at once, and a second after that. Who is known to be somebody goes on all the same. */
  failures: 10,
  failuresPerSecond: 0.1,
  addresses: 1_024,
};

/** A token as a header can carry it. A ServiceAccount's has 1 to 2 KB. https://www.rfc-editor.org/rfc/rfc6750#section-2.1 */
const TOKEN = /^[\x21-\x7e]{1,8192}$/;

/** Who is asked for at once, and who waits for it: by address, and who is known by their token. */
const TURNS = { places: 8, waiting: 128, waitingPerKey: 32 };

const TOO_MANY = failForNow("TooManyAttempts", "too many tokens from this address were none; wait a minute");

/** What is known of a token. */
interface Known {
  readonly found: Promise<Result<Person>>;
  /** Milliseconds since the epoch: when it is asked for anew. */
  readonly until: number;
  /** It is no guess: it was somebody's when the last one who could say was asked, or who brings it knows. */
  readonly isProved: boolean;
}

/** Who people are by their tokens, remembered for seconds by a hash of the token; who guesses tokens is slowed down. */
export class Identities {
  private readonly people: People;
  private readonly now: () => number;
  private readonly key = randomBytes(32);
  private readonly known = new Map<string, Known>();
  private readonly failures = new Map<string, TokenBucket>();
  private readonly turns = createFairTurns(TURNS);

  constructor(people: People, now: () => number) {
    this.people = people;
    this.now = now;
  }

  /** `isProved`: the token is no guess, as it opened a session. What others behind the same address guess keeps nobody out who is known. */
  async find(token: string, address: string, isProved = false): Promise<Result<Person>> {
    if (!TOKEN.test(token))
      return fail("Unauthorized", "that is no bearer token: it is one line of letters, digits and signs, at most 8 KiB");
    const hash = createHmac("sha256", this.key).update(token).digest("base64");
    const before = this.known.get(hash);
    if (before !== undefined && this.now() < before.until) return before.found;
    const isKnown = isProved || before?.isProved === true;
    const found = isKnown ? this.ask(token, hash) : this.guess(token, address);
    const asked = this.remember(hash, { found, until: this.now() + IDENTITY_LIMITS.knownMs, isProved: isKnown });
    const result = await found;
    // Forgotten, or asked for anew, meanwhile: what was found may not hold any more.
    if (this.known.get(hash) !== asked) return result;
    if (result.ok) this.remember(hash, { ...asked, isProved: true });
    else if (!result.error.retryable) this.remember(hash, { found, until: this.now() + IDENTITY_LIMITS.refusedMs, isProved: false });
    else if (isKnown) this.remember(hash, { ...asked, until: this.now() });
    else this.known.delete(hash);
    return result;
  }

  /** Tokens may be others' than before: everybody is asked for anew. */
  forget(): void {
    this.known.clear();
  }

  private remember(hash: string, known: Known): Known {
    setBounded(this.known, hash, known, IDENTITY_LIMITS.remembered);
    return known;
  }

  private guess(token: string, address: string): Promise<Result<Person>> {
    const failures = this.failures.get(address) ?? new TokenBucket(IDENTITY_LIMITS.failures, IDENTITY_LIMITS.failuresPerSecond);
    setBounded(this.failures, address, failures, IDENTITY_LIMITS.addresses);
    return this.ask(token, address, async () => {
      // Now and not before it waited: so no more are guessed beyond the bound than have a place.
      if (!failures.has(this.now())) return TOO_MANY;
      const found = await this.people.find(token);
      if (!found.ok && !found.error.retryable) failures.take(this.now());
      return found;
    });
  }

  private async ask(token: string, key: string, find = () => this.people.find(token)): Promise<Result<Person>> {
    const found = await this.turns.run(key, find);
    if (found === undefined) return failForNow("Busy", "too many people sign in at once; try again");
    return found.ok ? ok(remembering(found.value, this.now)) : found;
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
