import { CHANGE_CAUSE, REFRESH, ROLLOUT_ABORT, ROLLOUT_PAUSED, ROLLOUT_PROMOTE } from "./annotations.ts";
import { isDigest, shortDigest } from "./digest.ts";
import type { FilterPatch } from "./filter-patch.ts";
import type { WasmFilter } from "./gen/wasmfilter.ts";
import { fail, ok, type Result } from "./result.ts";
import { isTakenBack } from "./revision.ts";
import { chooseRollback } from "./rollback.ts";

/** What people do with a filter that is there, by the name that commands and pages give it. */
export const ACTIONS = ["rollback", "pin", "unpin", "pause", "resume", "promote", "abort", "refresh", "suspend", "unsuspend"] as const;
export type ActionName = (typeof ACTIONS)[number];

export interface FilterAction {
  readonly name: ActionName;
  /** Of `rollback`: a revision, a digest, or the first digits of one; absent: the last good revision. Of `pin`: a digest; absent: the one that serves. */
  readonly to?: string | undefined;
  /** Of `promote`: past every later wave too. */
  readonly full?: boolean | undefined;
}

export interface ActionMoment {
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** False where a server has the status, and it does not answer. Default: true. */
  readonly knowsStatus?: boolean;
}

/** What an action comes to. */
export interface DecidedAction {
  /** Without a field: the filter is so already. */
  readonly patch: FilterPatch;
  /** For people, after the filter's name: `pinned to sha256:...`. */
  readonly said: string;
  /** What a person should know, a line each. */
  readonly notes: readonly string[];
}

type Decide = (filter: WasmFilter, action: FilterAction, moment: Required<ActionMoment>) => Result<DecidedAction>;

/** What an action changes in a filter: the same for commands and pages. Fails where it makes no sense for the filter as it is; the message says why and what does. */
export function decideAction(filter: WasmFilter, action: FilterAction, { now, knowsStatus = true }: ActionMoment): Result<DecidedAction> {
  return DECIDE[action.name](filter, action, { now, knowsStatus });
}

/** The patch, and why it is made. */
export function withCause(patch: FilterPatch, cause: string): FilterPatch {
  return { ...patch, annotations: { ...patch.annotations, [CHANGE_CAUSE]: cause } };
}

/** What a filter of a folder has where its server does not answer: there may be one all the same. `what`: `the history of f`. */
export function notKnown(what: string): Result<never> {
  return fail(
    "NotKnown",
    `${what} is not known: the server that has it does not answer; check that \`weir serve\` runs, or name it with --server`,
  );
}

const DECIDE: Readonly<Record<ActionName, Decide>> = {
  rollback: rollBack,
  pin,
  unpin({ spec: { digest, image } }) {
    const follows = `it follows ${image ?? "its URL"}`;
    return digest === undefined
      ? decided({}, `not pinned: ${follows}`)
      : decided({ digest: null }, `no longer pinned to ${shortDigest(digest)}: ${follows}`);
  },
  pause(filter, _action, { knowsStatus }) {
    const none = knowsStatus ? "no rollout is under way; the next one waits" : "a rollout that is under way, or the next one, waits";
    const what = underWay(filter, knowsStatus).ok ? "paused" : none;
    return decided(annotate(ROLLOUT_PAUSED, "true"), `${what}; \`weir rollout resume ${filter.metadata.name}\` continues it`);
  },
  resume: (filter) => decided(annotate(ROLLOUT_PAUSED, null), isPaused(filter) ? "resumed" : "is not paused"),
  promote,
  abort,
  refresh,
  suspend: ({ spec }) =>
    spec.suspend
      ? decided({}, "suspended already")
      : decided({ suspend: true }, "suspended: what is served stays, and no change is taken until it is taken up again"),
  unsuspend: ({ spec }) => (spec.suspend ? decided({ suspend: null }, "taken up again: changes go out") : decided({}, "not suspended")),
};

function decided(patch: FilterPatch, said: string, notes: readonly string[] = []): Result<DecidedAction> {
  return ok({ patch, said, notes });
}

function annotate(name: string, value: string | null): FilterPatch {
  return { annotations: { [name]: value } };
}

function isPaused({ metadata }: WasmFilter): boolean {
  return metadata.annotations?.[ROLLOUT_PAUSED] === "true";
}

function rollBack(filter: WasmFilter, { to }: FilterAction, { knowsStatus }: Required<ActionMoment>): Result<DecidedAction> {
  const target = chooseRollback(filter, to, knowsStatus);
  if (!target.ok) return target;
  const { digest, item } = target.value;
  const what = item === undefined ? "a digest that is in none of its revisions" : `revision ${item.revision}`;
  const failed = item !== undefined && isTakenBack(item.result);
  const words = failed ? `(${item.result}${item.message ? `: ${item.message}` : ""})` : "";
  const notes = failed ? [`revision ${item.revision} failed before ${words}; it goes out again, in waves`] : [];
  return decided({ digest }, `pinned to ${digest} (${what})`, notes);
}

function pin({ metadata, spec, status }: WasmFilter, { to }: FilterAction, { knowsStatus }: Required<ActionMoment>): Result<DecidedAction> {
  const name = `${metadata.namespace}/${metadata.name}`;
  if (spec.url !== undefined)
    return fail("NotAnImage", `${name} takes its module from a URL, which is its pin: spec.sha256 says what it is`);
  if (to === undefined && !knowsStatus) return notKnown(`what ${name} serves`);
  const digest = to ?? status?.digest;
  if (digest === undefined) return fail("NotServed", `${name} serves no revision yet, so there is no digest to pin it to; name one`);
  if (!isDigest(digest))
    return fail("BadTarget", `a filter is pinned to a digest (sha256: and 64 digits of 0-9 and a-f), not to "${digest}"`);
  return spec.digest === digest
    ? decided({}, `pinned to ${digest} already`)
    : decided({ digest }, `pinned to ${digest}, whatever its tag does`);
}

/** The value names revision, wave (from 1) and generation, so it does not apply to later waves, another revision or another spec: `4/1@7`. */
function promote(filter: WasmFilter, { full = false }: FilterAction, { knowsStatus }: Required<ActionMoment>): Result<DecidedAction> {
  const revision = underWay(filter, knowsStatus);
  if (!revision.ok) return revision;
  const step = filter.status?.rollout?.step ?? 1;
  const past = full ? "past every wave" : `past wave ${step} of ${filter.status?.rollout?.steps ?? 1}`;
  const value = `${full ? revision.value : `${revision.value}/${step}`}${underSpec(filter)}`;
  const then = isPaused(filter) ? ", once `weir rollout resume` ends the pause" : "";
  return decided(annotate(ROLLOUT_PROMOTE, value), `revision ${revision.value} may go ${past}${then}`);
}

function abort(filter: WasmFilter, _action: FilterAction, { knowsStatus }: Required<ActionMoment>): Result<DecidedAction> {
  const revision = underWay(filter, knowsStatus);
  if (!revision.ok) return revision;
  const stable = filter.status?.stableRevision;
  if (stable === revision.value) {
    return fail(
      "NoEarlierRevision",
      `revision ${stable} is the first: there is none to go back to; \`weir delete ${filter.metadata.name}\` takes it away`,
    );
  }
  const back = stable === undefined ? "there is no stable revision: the filter leaves every proxy" : `back to revision ${stable}`;
  return decided(annotate(ROLLOUT_ABORT, `${revision.value}${underSpec(filter)}`), `revision ${revision.value} aborted; ${back}`);
}

/** Any new value is a wish to look at the tag. */
function refresh({ metadata, spec: { image, digest } }: WasmFilter, _action: FilterAction, { now }: ActionMoment): Result<DecidedAction> {
  if (image === undefined)
    return fail("NoTag", `${metadata.name} has a URL and no tag: there is nothing to look at; change spec.url and spec.sha256`);
  if (digest !== undefined) {
    return fail(
      "NoTag",
      `spec.digest pins ${metadata.name}: there is nothing to look at; \`weir rollback ${metadata.name} --unpin\` follows the tag again`,
    );
  }
  if (image.includes("@")) return fail("NoTag", `${image} names a digest: there is nothing to look at; change spec.image`);
  return decided(annotate(REFRESH, new Date(now).toISOString()), `${image} is looked at`);
}

/** `@GENERATION`: with a later spec the same revision may roll out again. */
function underSpec({ status }: WasmFilter): string {
  return status?.observedGeneration === undefined ? "" : `@${status.observedGeneration}`;
}

/** The revision that is rolling out, for the actions that need one. */
function underWay({ status, metadata }: WasmFilter, knowsStatus: boolean): Result<number> {
  if (!knowsStatus) return notKnown(`whether a rollout of ${metadata.name} is under way`);
  const state = status?.rollout?.state;
  const going = state === "Progressing" || state === "Holding" || state === "Paused" || state === "Failed";
  if (going && status?.revision !== undefined) return ok(status.revision);
  const now = status === undefined ? "no status is known" : `the last one is ${state ?? "not begun"}`;
  return fail(
    "NoRollout",
    `${metadata.namespace}/${metadata.name} has no rollout under way (${now}); \`weir describe ${metadata.name}\` shows it`,
  );
}
