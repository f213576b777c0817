import type { Credentials, KeychainEntry } from "../../model/module.ts";
import type { Failure, Result } from "../../model/result.ts";
import { type RegistryReference, repositoryName } from "../repository/reference.ts";
import { shown } from "./auth.ts";
import type { HttpOptions } from "./http.ts";
import { createSession, type Session } from "./session.ts";
import type { TagStates } from "./tag-states.ts";

export interface RemoteOptions {
  readonly http: HttpOptions;
  /** Everything that matches the repository, in the order in which it is tried. With none, requests are anonymous. */
  readonly credentials: readonly KeychainEntry[];
  /** Default: nothing is remembered. */
  readonly tagStates?: TagStates | undefined;
}

/** Failures after which other credentials may do better: a registry hides what it does not show, and counts requests by user. */
const WORTH_ANOTHER: ReadonlySet<string> = new Set(["AccessDenied", "ImageNotFound", "BlobNotFound", "RateLimited"]);

/** Requests to one repository with each of the credentials in turn, until one is let in, as the kubelet pulls. Those that were let in last are used first. */
export class Attempts {
  private readonly usable: readonly (Credentials | undefined)[];
  private readonly problems: readonly string[];
  private readonly sessions: readonly Session[];
  private best = 0;
  /** For messages: the reference without tag and digest. */
  readonly name: string;

  constructor(reference: RegistryReference, { http, credentials, tagStates }: RemoteOptions) {
    this.name = repositoryName(reference);
    const usable = unique(credentials.flatMap((entry) => ("problem" in entry ? [] : [entry])));
    this.problems = credentials.flatMap((entry) => ("problem" in entry ? [entry.problem] : []));
    this.usable = usable.every(({ implied }) => implied !== undefined) ? [...usable, undefined] : usable;
    this.sessions = this.usable.map((each) => createSession(reference, { http, credentials: each, tagStates }));
  }

  /**
   * What the operation gives with the first credentials that are let in; else the failure that tells most, with what was tried besides. A value that `isAnswer`
   * refuses says nothing about them, and is given where nobody has a better one.
   */
  async run<T>(operation: (session: Session) => Promise<Result<T>>, isAnswer: (value: T) => boolean = () => true): Promise<Result<T>> {
    const failures: Failure[] = [];
    let nothing: Result<T> | undefined;
    const order = [...new Set([this.best, ...this.sessions.keys()])];
    for (const at of order) {
      const session = this.sessions[at];
      if (session === undefined) continue;
      const outcome = await operation(session);
      if (outcome.ok && !isAnswer(outcome.value)) {
        nothing ??= outcome;
        continue;
      }
      if (outcome.ok) {
        this.best = at;
        return outcome;
      }
      failures.push(outcome.error);
      if (!WORTH_ANOTHER.has(outcome.error.reason)) return outcome;
    }
    return nothing ?? { ok: false, error: this.sumUp(failures, order) };
  }

  /** The session that was let in last, for what cannot be repeated with another. */
  session(): Session {
    const session = this.sessions[this.best] ?? this.sessions[0];
    if (session === undefined) throw new Error("there is always one");
    return session;
  }

  private sumUp(failures: readonly Failure[], order: readonly number[]): Failure {
    // Whoever is told that an image is not there could look for it; the others could not.
    const told = Math.max(
      0,
      failures.findIndex(({ reason }) => reason !== "AccessDenied"),
    );
    const failure = failures[told] ?? { reason: "AccessDenied", message: `access to ${this.name} is denied`, retryable: false };
    const others = order.flatMap((at, index) => (index === told ? [] : (this.usable[at] ?? [])));
    const users = others.length === 0 ? [] : [`${others.map(shown).join(", ")} were tried too`];
    const notes = [...users, ...this.problems.slice(0, 3).map((problem) => `${problem}, so it was left out`)];
    return notes.length === 0 ? failure : { ...failure, message: `${failure.message}; ${notes.join("; ")}` };
  }
}

function unique(credentials: readonly Credentials[]): readonly Credentials[] {
  return [...new Map(credentials.map((each) => [JSON.stringify([each.username, each.password]), each])).values()];
}
