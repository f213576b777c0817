import { createHash } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { Clock } from "../../model/clock.ts";
import type { Digest } from "../../model/digest.ts";

/** A namespace that wants a digest of a repository (or of a URL). */
export interface Claim {
  readonly namespace: string;
  /** The repository's name, as `Repository.name`, or the URL. */
  readonly source: string;
  readonly digest: Digest;
}

/**
 * For how long access that was shown is not asked for again, in milliseconds. Long enough for all filters of a namespace to start, fail and retry on one
 * answer; short enough that access which was taken away ends for new filters while the person who did it is still looking.
 */
export const TRUST_MS = 600_000;

/** Claims remembered, some 200 bytes each. Beyond it the least recently used is forgotten, which costs one more HEAD. */
const REMEMBERED = 10_000;

/** Which namespace showed that it may read which digest where. In memory: recorded revisions are what outlives a restart (`Kept`). */
export interface Access {
  /** Shown within `TRUST_MS`. */
  isFresh(claim: Claim): boolean;
  /** Denied when it was asked for last. */
  wasDenied(claim: Claim): boolean;
  show(claim: Claim): void;
  deny(claim: Claim): void;
}

export function createAccess(clock: Clock): Access {
  /** When it was shown, in milliseconds since the epoch. */
  const known = new LRUCache<string, number | "denied">({ max: REMEMBERED });
  return {
    isFresh(claim) {
      const found = known.get(keyOf(claim));
      if (found === undefined || found === "denied") return false;
      const age = clock.now() - found;
      return age >= 0 && age < TRUST_MS;
    },
    wasDenied: (claim) => known.get(keyOf(claim)) === "denied",
    show: (claim) => void known.set(keyOf(claim), clock.now()),
    deny: (claim) => void known.set(keyOf(claim), "denied"),
  };
}

/** Hashed: a name may have thousands of characters, and a URL may hold a signature. */
function keyOf({ namespace, source, digest }: Claim): string {
  return createHash("sha256")
    .update(JSON.stringify([namespace, source, digest]))
    .digest("base64");
}
