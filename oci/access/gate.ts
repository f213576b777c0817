import { createSingleFlight } from "../../base/single-flight.ts";
import type { Clock } from "../../model/clock.ts";
import { type Failure, failForNow, ok, type Result } from "../../model/result.ts";
import type { Repository } from "../repository/repository.ts";
import { type Claim, createAccess } from "./access.ts";

/** A repository as it was opened with somebody's credentials. */
export interface Opened {
  readonly repository: Repository;
  /** What answers depend on besides the request: the credentials, hashed. */
  readonly identity: string;
}

/** Lets a namespace to what the store has of a source once it showed that it may read it there. */
export interface Gate {
  /** Ok: the namespace may read the digest at this repository, as it showed now or lately. One HEAD where that has to be asked. */
  enter(claim: Claim, opened: Opened, signal: AbortSignal | undefined): Promise<Result<void>>;
  /** True when the namespace showed it lately. */
  isOpen(claim: Claim): boolean;
  /** Another request showed it: the content itself came, or a HEAD of a tag that has this digest. */
  admit(claim: Claim): void;
  /** A request failed: where the answer denies access, that ends what was shown before. */
  failed(claim: Claim, error: Failure): void;
  /** True when the failure says nothing about access: what recorded revisions keep stays with those that have it. */
  isAway(claim: Claim, error: Failure): boolean;
}

/** Failures by which a server says that there is nothing here for this client. */
const DENIALS: ReadonlySet<string> = new Set(["AccessDenied", "ImageNotFound", "ModuleNotFound", "RegistryRefused"]);

export function createGate(clock: Clock): Gate {
  const access = createAccess(clock);
  const asks = createSingleFlight<Result<void>>();

  return {
    async enter(claim, { repository, identity }, signal) {
      if (access.isFresh(claim)) return ok(undefined);
      const key = JSON.stringify([claim.namespace, claim.source, claim.digest, identity]);
      const outcome = await asks.run(key, (own) => ask(repository, claim, own), { signal });
      if (outcome?.ok) access.show(claim);
      return outcome ?? failForNow("Canceled", "the request was canceled");
    },
    isOpen: access.isFresh,
    admit: access.show,
    failed(claim, { reason }) {
      if (DENIALS.has(reason)) access.deny(claim);
    },
    isAway: (claim, { retryable, reason }) => retryable && reason !== "Canceled" && !access.wasDenied(claim),
  };
}

/** By HEAD, which registries count against no limit, else by the manifest itself, which must have its digest. */
async function ask(repository: Repository, { digest }: Claim, signal: AbortSignal): Promise<Result<void>> {
  const holds = await repository.holds(digest, signal);
  if (!holds.ok) return holds;
  if (holds.value) return ok(undefined);
  const manifest = await repository.manifest(digest, signal);
  return manifest.ok ? ok(undefined) : manifest;
}
