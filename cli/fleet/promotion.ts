import { findCondition } from "../../model/condition.ts";
import { type Digest, isDigest } from "../../model/digest.ts";
import { notKnown } from "../../model/filter-action.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { keyOf, objectName } from "./client.ts";

/** A digest that one namespace runs, to be pinned in another. */
export interface Promotion {
  readonly digest: Digest;
  /** The revision that runs it. */
  readonly revision: number | undefined;
  /** What is pinned so far; `undefined`: nothing. */
  readonly before: string | undefined;
  /** Where the two take their images from, in full and without tag or digest. */
  readonly repositories: { readonly from: string; readonly to: string };
  /** What a person should know. */
  readonly notes: readonly string[];
}

export interface PromotionOptions {
  /** False where the server that has statuses does not answer. */
  readonly knowsStatus: boolean;
  /** Also what is not Ready. */
  readonly force: boolean;
  /** The reference without tag and digest, in full. */
  repositoryOf(image: string): Result<string>;
}

/**
 * What `to` gets so that it runs what `from` runs: the digest that `from`'s status says is stable, whatever its spec asks for. Fails where that is not known or not well. Where
 * the two take their images from different repositories, whether the digest is in the other one is not known here.
 */
export function choosePromotion(from: WasmFilter, to: WasmFilter, options: PromotionOptions): Result<Promotion> {
  const [source, target] = [objectName(keyOf(from)), objectName(keyOf(to))];
  for (const [name, filter] of [[source, from] as const, [target, to] as const])
    if (filter.spec.image === undefined)
      return fail("NotAnImage", `${name} takes its module from a URL, which no digest moves: change spec.url and spec.sha256`);
  if (!options.knowsStatus) return notKnown(`what ${source} runs`);
  const { digest, stableRevision, revision } = from.status ?? {};
  if (digest === undefined || !isDigest(digest))
    return fail(
      "NotServed",
      `${source} serves no revision yet; \`weir describe ${from.metadata.name} -n ${from.metadata.namespace}\` says why`,
    );
  const ready = findCondition(from.status, "Ready");
  if (ready?.status !== "True" && !options.force)
    return fail(
      "NotReady",
      `${source} is not Ready (${ready?.reason ?? "no status"}): what it runs is not what its spec asks for; wait, or promote what is stable with --force`,
    );
  const own = options.repositoryOf(from.spec.image ?? "");
  if (!own.ok) return own;
  const other = options.repositoryOf(to.spec.image ?? "");
  if (!other.ok) return other;
  const isUnderWay = revision !== undefined && stableRevision !== undefined && revision !== stableRevision;
  const notes = isUnderWay
    ? [`revision ${revision} of ${source} is on its way and is not promoted; ${stableRevision} is the stable one`]
    : [];
  return ok({ digest, revision: stableRevision, before: to.spec.digest, repositories: { from: own.value, to: other.value }, notes });
}
