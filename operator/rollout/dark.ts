import { hash } from "node:crypto";
import { canonicalJson } from "../../base/json.ts";
import type { ChainEntry } from "../../model/delivery.ts";
import type { RequestMatch } from "../../model/match.ts";
import type { Revision } from "../../model/revision.ts";
import { revisionOf } from "../filter/revisions.ts";
import type { RolloutState } from "./state.ts";

/** What tells which revisions go out, and how. */
interface Outgoing {
  readonly revisions: readonly Revision[];
  readonly rollout: RolloutState;
}

/**
 * The hash under which proxies are given the target now. In a dark step that is another than the revision's: it covers which requests see the target and what
 * the others see, so that to have the target in the dark is not to have it.
 */
export function outgoingHash(outgoing: Outgoing): string | undefined {
  const { rollout } = outgoing;
  const target = revisionOf(outgoing, rollout.target);
  const match = darkMatch(rollout);
  if (target === undefined || match === undefined) return target?.hash;
  return darkHash(target, revisionOf(outgoing, rollout.stable), match);
}

/** The requests that see the target in the present step; `undefined`: all that it is for. */
export function darkMatch({ phase, match }: RolloutState): readonly RequestMatch[] | undefined {
  return phase === "Progressing" ? match : undefined;
}

/**
 * False for a proxy that stays on stable in the present step, as it cannot have both revisions in one chain: it takes each filter by itself, or the two are
 * not to stand in the same place.
 */
export function takesPart(outgoing: Outgoing, takesChains: boolean): boolean {
  const { rollout } = outgoing;
  const target = revisionOf(outgoing, rollout.target);
  if (target === undefined || darkMatch(rollout) === undefined) return true;
  return takesChains && haveOnePlace(target, revisionOf(outgoing, rollout.stable));
}

/** True when a chain can hold both in the same place. */
export function haveOnePlace({ settings: target }: Revision, stable: Revision | undefined): boolean {
  const place = stable?.settings ?? target;
  return target.type === "HTTP" && place.type === "HTTP" && place.slot === target.slot && place.priority === target.priority;
}

/** The target for the requests that match, and stable (`undefined`: nothing) for the others. */
export function darkEntry(target: ChainEntry, stable: ChainEntry | undefined, match: readonly RequestMatch[]): ChainEntry {
  const { formerHash: _, ...entry } = target;
  const isSecret = target.isSecret === true || stable?.isSecret === true;
  return { ...entry, hash: darkHash(target, stable, match), dark: { match, otherwise: stable }, ...(isSecret ? { isSecret } : {}) };
}

/** By the requests: each proxy of a wave asks for the same few. */
const known = new WeakMap<readonly RequestMatch[], Map<string, string>>();

/** No hash of a revision has a `~` in it. */
function darkHash(
  target: { readonly hash: string },
  stable: { readonly hash: string } | undefined,
  match: readonly RequestMatch[],
): string {
  const of = stable?.hash ?? "";
  const hashes = known.get(match) ?? new Map<string, string>();
  known.set(match, hashes);
  const digest = hashes.get(of) ?? hash("sha256", canonicalJson([of, match])).slice(0, 16);
  hashes.set(of, digest);
  return `${target.hash}~${digest}`;
}
