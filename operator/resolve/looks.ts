import { type BackoffPolicy, backoff } from "../../base/backoff.ts";
import { Pace } from "../../base/pace.ts";
import type { Filter } from "../../model/filter.ts";
import type { Failure } from "../../model/result.ts";
import type { Stage } from "../filter/steps.ts";
import type { Outcome, Resolved } from "./resolve.ts";

/** What failed in a row for a spec, and when it is looked for next. */
interface Trouble {
  readonly count: number;
  /** Milliseconds since the epoch of the first failure. */
  readonly since: number;
  /** Failures since it was no longer looked for every second. */
  readonly late: number;
  readonly at: number | undefined;
  /** Its turn at `at` was given. */
  readonly hasTurn: boolean;
}

/** A look at the registry that is over. */
export interface Look {
  readonly outcome: Outcome;
  readonly from: number;
  readonly until: number;
  /** The same spec was resolved before: what serves it goes on. */
  readonly isHeldOver: boolean;
}

/** When a filter's module is looked for again. All times in milliseconds since the epoch. */
export interface Looks {
  /** The time of the next look after this one; `undefined`: nothing is to be looked for. */
  next(filter: Filter, look: Look): number | undefined;
  /** For a look that is due at `at`: the time to which it is put off, as the namespace has no turn left; `undefined`: it goes on now. */
  putOff(filter: Filter, at: number, now: number): number | undefined;
}

/** What may appear seconds after the manifest that names it: it was pushed, granted or started a little later. */
const MAY_APPEAR: ReadonlySet<string> = new Set([
  "ImageNotFound",
  "TagNotFound",
  "ModuleNotFound",
  "BlobNotFound",
  "AccessDenied",
  "RegistryUnavailable",
]);
/** The same of an image that is signed once it was pushed. */
const MAY_BE_SIGNED: ReadonlySet<string> = new Set(["SignatureNotFound", "AttestationNotFound"]);
/** What a registry or a cluster may have later. */
const MAY_COME: ReadonlySet<Stage> = new Set(["configure", "resolve", "verify"]);

/** True for a failure that ends by itself once somebody pushed the image, made the Secret, or gave the right. */
export function mayEnd(stage: Stage, { reason, retryable }: Failure): boolean {
  return retryable || (MAY_COME.has(stage) && (MAY_APPEAR.has(reason) || /(NotFound|Forbidden)$/.test(reason)));
}

/** For so long it is looked for every second. */
const SOON_MS = 60_000;
const JITTER: BackoffPolicy["jitter"] = [0.75, 1.25];
/** Of an interval, so that filters that started together do not ask together for ever. */
const SPREAD = [0.9, 1.1] as const;
const SOON: BackoffPolicy = { firstMs: 1_000, longestMs: 1_000, jitter: JITTER };
const RETRY: BackoffPolicy = { firstMs: 1_000, longestMs: 60_000, jitter: JITTER };
/** Looks of one namespace for what it failed to find, however many filters it has: registries and other namespaces are spared. */
const PACE = { perSecond: 10, burst: 30, longestMs: 60_000 };

/** `random`: a number in [0, 1) for jitter. `impliesCredentials`: filters that name no credentials are tried with some all the same. */
export function createLooks(random: () => number, impliesCredentials = false): Looks {
  const troubles = new WeakMap<Filter, Trouble>();
  const pace = new Pace(PACE);

  function failedAgain(filter: Filter, error: Failure, isAwaited: boolean, { from, until }: Look): number {
    const { count, since, late } = troubles.get(filter) ?? { count: 0, since: until, late: 0 };
    const isSoon = isAwaited && until - since < SOON_MS;
    const longestMs = error.retryable ? Math.min(RETRY.longestMs, filter.intervalMs) : filter.intervalMs;
    // After looks every second it goes on with 2 s.
    const step = late + (count > late ? 2 : 1);
    // What answers slowly is asked less often, so that it leaves places to others.
    const delay = isSoon ? Math.max(backoff(SOON, 1, random), until - from) : backoff({ ...RETRY, longestMs }, step, random);
    // Asked for by the registry itself; a little later, as others were told the same.
    const asked = (error.retryAfterMs ?? 0) * (1 + random() / 4);
    const at = until + Math.max(delay, asked);
    troubles.set(filter, { count: count + 1, since: Math.min(since, until), late: isSoon ? late : late + 1, at, hasTurn: false });
    return at;
  }

  return {
    next(filter, look) {
      const { outcome, until, isHeldOver } = look;
      const mayAppear =
        !outcome.ok &&
        ((outcome.stage === "resolve" && MAY_APPEAR.has(outcome.error.reason)) ||
          (outcome.stage === "verify" && MAY_BE_SIGNED.has(outcome.error.reason)));
      if (!outcome.ok && (mayAppear || outcome.error.retryable)) {
        return failedAgain(filter, outcome.error, mayAppear && !isHeldOver && !isLockable(filter, outcome.error, impliesCredentials), look);
      }
      troubles.delete(filter);
      const isFollowed = filter.pullPolicy === "Always" && filter.pin === undefined && filter.source.kind === "image";
      // What is wrong in the registry may be mended there, and no watch tells of that.
      const mayChange = outcome.ok ? isUnsigned(outcome.value) : outcome.stage === "resolve" || outcome.stage === "verify";
      return isFollowed || mayChange ? until + filter.intervalMs * between(SPREAD, random) : undefined;
    },
    putOff(filter, at, now) {
      const trouble = troubles.get(filter);
      // Whoever asks at another time saw something change.
      if (trouble === undefined || trouble.at !== at || trouble.hasTurn) return undefined;
      const wait = pace.turn(filter.key.namespace, now);
      if (wait === 0) return undefined;
      const later = now + (wait ?? PACE.longestMs * (0.5 + random() / 2));
      troubles.set(filter, { ...trouble, at: later, hasTurn: wait !== undefined });
      return later;
    },
  };
}

/** It may be signed later, as a policy that is audited asks for. */
function isUnsigned({ judgement }: Resolved): boolean {
  return judgement?.violations.some(({ rule }) => rule === "images.verify") === true;
}

function between([least, most]: readonly [number, number], random: () => number): number {
  return least + (most - least) * random();
}

/** True where a name and password were denied: tried every second, they make registries lock the account. */
function isLockable({ pullSecrets }: Filter, { reason }: Failure, impliesCredentials: boolean): boolean {
  return reason === "AccessDenied" && (pullSecrets.length > 0 || impliesCredentials);
}
