import { type Digest, isDigest, shortDigest } from "./digest.ts";
import type { WasmFilter, WasmFilterStatusHistoryItem } from "./gen/wasmfilter.ts";
import { fail, ok, type Result } from "./result.ts";

/** The target of a rollback. `item` is `undefined` if the filter's history does not have the digest. */
export interface RollbackTarget {
  readonly digest: Digest;
  readonly item: WasmFilterStatusHistoryItem | undefined;
}

/**
 * Picks the digest to pin. Without `to` it is that of the last revision before the current one that succeeded; `to` is a revision number,
 * a digest, or the first digits of one (at least 4) that only one digest of the history begins with. Reads only the filter's status; `knowsStatus`: false
 * where the server that has it does not answer.
 */
export function chooseRollback(filter: WasmFilter, to: string | undefined, knowsStatus = true): Result<RollbackTarget> {
  const name = `${filter.metadata.namespace}/${filter.metadata.name}`;
  if (filter.spec.url !== undefined) {
    return fail(
      "NotAnImage",
      `${name} takes its module from a URL, which no digest moves: set spec.url and spec.sha256 to the earlier ones (weir history ${filter.metadata.name})`,
    );
  }
  const history = filter.status?.history ?? [];
  if (to !== undefined && isDigest(to)) return ok({ digest: to, item: history.find(({ digest }) => digest === to) });
  if (!knowsStatus) return noHistory(name, "the server that has it does not answer");
  if (to !== undefined) return search(name, history, to);
  return previous(filter, name, history);
}

/** What history there is, is somebody else's to tell. */
function noHistory(name: string, why: string): Result<never> {
  return fail(
    "NoHistory",
    `the history of ${name} is not known, because ${why}; check that \`weir serve\` runs, or name a digest with --to sha256:...`,
  );
}

function previous(filter: WasmFilter, name: string, history: readonly WasmFilterStatusHistoryItem[]): Result<RollbackTarget> {
  if (filter.status === undefined) return noHistory(name, "no Weir has written a status");
  const current = filter.status.revision ?? Number.POSITIVE_INFINITY;
  const [item] = history
    // One with a message did worse than what was before it.
    .filter(({ revision, result, message }) => revision < current && result === "Succeeded" && message === undefined)
    .sort((a, b) => b.revision - a.revision);
  if (item === undefined) {
    const others = history
      .filter(({ revision }) => revision !== current)
      .map(({ revision, digest, result }) => `${revision} (${shortDigest(digest)}, ${result})`);
    const choice = others.length === 0 ? "it has no other" : `choose another with --to: ${others.join(", ")}`;
    return fail("NoEarlierRevision", `${name} has no earlier revision that succeeded; ${choice}`);
  }
  const now = history.find(({ revision }) => revision === current);
  if (now?.digest === item.digest) {
    return fail(
      "SameDigest",
      `revisions ${item.revision} and ${current} of ${name} run the same digest and differ in their settings only: change the spec back, or choose another with --to (weir history ${filter.metadata.name})`,
    );
  }
  return target(item);
}

function search(name: string, history: readonly WasmFilterStatusHistoryItem[], to: string): Result<RollbackTarget> {
  const numbered = /^\d{1,9}$/.test(to) ? history.find(({ revision }) => revision === Number(to)) : undefined;
  if (numbered !== undefined) return target(numbered);
  const prefix = to.replace(/^sha256:/, "");
  if (!/^[a-f0-9]{4,64}$/.test(prefix)) {
    if (/^\d+$/.test(to)) return notFound(name, history, `revision ${to}`);
    return fail("BadTarget", `--to is a revision number, a digest (sha256:...) or at least the first 4 digits of one, not "${to}"`);
  }
  // People copy what they see, and the module's digest is shown next to the manifest's.
  const matches = history.filter(
    ({ digest, wasmDigest }) => digest.startsWith(`sha256:${prefix}`) || wasmDigest.startsWith(`sha256:${prefix}`),
  );
  const digests = new Set(matches.map(({ digest }) => digest));
  if (digests.size > 1) return fail("Ambiguous", `"${to}" begins more than one digest of ${name}: ${[...digests].join(", ")}`);
  const [item] = [...matches].sort((a, b) => b.revision - a.revision);
  return item === undefined ? notFound(name, history, `digest that begins with ${prefix}`) : target(item);
}

function notFound(name: string, history: readonly WasmFilterStatusHistoryItem[], what: string) {
  const kept = history.map(({ revision, digest }) => `${revision} (${shortDigest(digest)})`).join(", ") || "none";
  return fail("NotInHistory", `${name} has no ${what}; it has ${kept}; a full sha256:... digest needs no history`);
}

function target(item: WasmFilterStatusHistoryItem): Result<RollbackTarget> {
  return isDigest(item.digest)
    ? ok({ digest: item.digest, item })
    : fail("BadHistory", `revision ${item.revision} has no well-formed digest in the status`);
}
