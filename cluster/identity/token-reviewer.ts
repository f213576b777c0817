import { setBounded } from "../../base/bounded-map.ts";
import type { FairTurns } from "../../base/fair-turns.ts";
import type { KeyedHash } from "../../base/keyring.ts";
import { createSingleFlight } from "../../base/single-flight.ts";
import type { Clock } from "../../model/clock.ts";
import type { ProxyIdentity, Soon, TokenReviewer, VouchedToken } from "../../model/identity.ts";
import type { KubeApi } from "../../model/kube.ts";
import type { Log } from "../../model/log.ts";
import { type Metrics, outcomeOf } from "../../model/metrics.ts";
import { fail, failForNow, ok, type Result } from "../../model/result.ts";
import { refusal } from "../refusal.ts";
import { Trouble } from "../trouble.ts";
import { type Claims, readClaims } from "./claims.ts";
import { createGoodTokens } from "./good-tokens.ts";
import { mismatch, readReview, reviewRequest } from "./token-review.ts";

export interface TokenReviewerOptions {
  readonly api: KubeApi;
  /** What tokens must be made for. */
  readonly audience: string;
  /** Shares out the requests to the API server among the addresses of clients. */
  readonly turns: FairTurns;
  /** Of tokens: all replicas have one key for it. */
  readonly hash: KeyedHash;
  /** The API server said that this token is good. */
  readonly reviewed: (token: VouchedToken) => void;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Remembers whose tokens are, and what other replicas were told of theirs. */
export interface KnowingReviewer extends TokenReviewer {
  /** Those that are good now. */
  known(): VouchedToken[];
  learn(tokens: readonly VouchedToken[]): void;
  /** The pod with this uid is gone, and its tokens with it. */
  forgetPod(uid: string): void;
}

/** Tokens that are known to be refused, and for how long: who comes again at once is told without asking, and a pod that is only just known to the API server soon comes in. */
const MAX_REFUSED = 2_000;
const REFUSED_MS = 5_000;

interface Refused {
  readonly why: string;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

/** Asks the API server whose a token is, once for each token: what it said is kept until the token ends. */
export function createTokenReviewer(options: TokenReviewerOptions): KnowingReviewer {
  return new CachingReviewer(options);
}

class CachingReviewer implements KnowingReviewer {
  private readonly options: TokenReviewerOptions;
  private readonly trouble: Trouble;
  /** By the token's keyed hash: neither the token is kept, nor what could be looked up in a table. */
  private readonly good = createGoodTokens();
  private readonly refused = new Map<string, Refused>();
  private readonly flights = createSingleFlight<Result<ProxyIdentity>>();

  constructor(options: TokenReviewerOptions) {
    this.options = options;
    this.trouble = new Trouble(options.log, options.clock, "tokens of proxies cannot be reviewed", "tokens of proxies are reviewed again");
  }

  review(token: string, address: string): Soon<Result<ProxyIdentity>> {
    const { audience, clock } = this.options;
    const claims = readClaims(token);
    if (!claims.ok) return claims;
    const wrong = mismatch(claims.value, audience);
    if (wrong !== undefined) return fail("Unauthenticated", wrong);
    const hash = this.options.hash.digest(token).toString("base64");
    const known = this.good.get(hash);
    if (known !== undefined && known.until > clock.now()) return ok(identityOf(known));
    const refused = this.refused.get(hash);
    if (refused !== undefined && refused.until > clock.now()) return fail("Unauthenticated", refused.why);
    return this.flights.run(hash, () => this.ask(token, hash, claims.value, address)).then((answer) => answer ?? AWAY);
  }

  known(): VouchedToken[] {
    const now = this.options.clock.now();
    return Array.from(this.good.all()).filter(({ until }) => until > now);
  }

  learn(tokens: readonly VouchedToken[]): void {
    const now = this.options.clock.now();
    for (const token of tokens) {
      if (token.until <= now || this.good.get(token.hash) !== undefined) continue;
      this.good.add(token);
      this.refused.delete(token.hash);
    }
  }

  forgetPod(uid: string): void {
    this.good.forgetPod(uid);
  }

  private async ask(token: string, hash: string, claims: Claims, address: string): Promise<Result<ProxyIdentity>> {
    const { api, audience, turns, reviewed, clock, metrics } = this.options;
    const answer = await turns.run(address, () => {
      const ended = metrics.start("token_review");
      return api.request(reviewRequest(token, audience)).then((done) => {
        ended(outcomeOf(done));
        return done;
      });
    });
    if (answer === undefined) return failForNow("Busy", "too many clients wait to be asked who they are; try again");
    if (!answer.ok) {
      const asked = { verb: "create", resource: "tokenreviews.authentication.k8s.io", id: "who a proxy is" };
      this.trouble.note(refusal(asked, answer.error).error.message);
      return AWAY;
    }
    this.trouble.over();
    const read = readReview(answer.value, audience, claims, clock.now());
    if (!read.ok) {
      setBounded(this.refused, hash, { why: read.error.message, until: clock.now() + REFUSED_MS }, MAX_REFUSED);
      return read;
    }
    const good = { hash, until: claims.until, ...read.value };
    this.refused.delete(hash);
    this.good.add(good);
    reviewed(good);
    return ok(identityOf(good));
  }
}

function identityOf({ namespace, name, uid, until }: VouchedToken): ProxyIdentity {
  return { role: "proxy", namespace, nodeId: name, podUid: uid, until };
}

/** Why is in the log: a client could do nothing with it. */
const AWAY = failForNow("Unavailable", "the server could not ask the API server who this client is; try again");
