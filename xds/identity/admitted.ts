import { inBackground } from "../../base/boundary.ts";
import type { Clock } from "../../model/clock.ts";
import type { Identity } from "../../model/identity.ts";
import type { Result } from "../../model/result.ts";
import type { Call, CallHandler } from "../grpc/call.ts";
import { status } from "../grpc/status.ts";
import type { Authenticator, Proofs } from "./authenticator.ts";

/** How often it is looked for calls whose proof ends, and how long before its end they are asked to come back with a new one. */
const LOOK_MS = 1_000;
const AHEAD_MS = 60_000;

interface Admitted {
  readonly call: Call;
  readonly identity: Identity;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

/**
 * The open calls, each with who makes it. One ends when what proved it does not count any more, or its pod is gone; before the end of a certificate or a token its
 * connection is asked to go (GOAWAY), as a client keeps the certificate that it opened it with.
 */
export class AdmittedCalls {
  private readonly calls = new Set<Admitted>();
  private readonly authenticator: Authenticator;
  private readonly clock: Clock;
  private readonly unlisten: () => void;
  private cancel: () => void;

  constructor(authenticator: Authenticator, clock: Clock) {
    this.authenticator = authenticator;
    this.clock = clock;
    this.unlisten = authenticator.onChange(() => this.review());
    this.cancel = clock.after(LOOK_MS, () => this.look());
  }

  /** The handler, for as long as its call may go on. */
  add(call: Call, identity: Identity, handler: CallHandler): CallHandler {
    const one = { call, identity, until: endOf(identity, this.clock.now()) };
    this.calls.add(one);
    const unfollow = this.follow(one, handler);
    return watched(handler, () => {
      this.calls.delete(one);
      unfollow();
    });
  }

  close(): void {
    this.unlisten();
    this.cancel();
  }

  /** Follows the pod that calls, until the returned function is called. */
  private follow(one: Admitted, handler: CallHandler): () => void {
    const pod = one.identity.role === "proxy" ? one.identity.pod : undefined;
    if (pod === undefined) return () => {};
    return pod.onChange((what) => {
      if (what === "labels") handler.relabeled?.(pod.labels);
      else this.dismiss(one, status.unauthenticated, "the pod of this client is gone, or another one has its name now");
    });
  }

  private look(): void {
    const now = this.clock.now();
    for (const one of this.calls) {
      if (one.until > now) continue;
      const isOver = one.identity.until !== undefined && one.identity.until <= now;
      const when = isOver ? "has ended" : "ends soon";
      const why = `the token or certificate that proved who this client is ${when}; connect again with the next one`;
      this.dismiss(one, isOver ? status.unauthenticated : status.unavailable, why);
    }
    this.cancel = this.clock.after(LOOK_MS, () => this.look());
  }

  /** Others are accepted than before. */
  private review(): void {
    for (const one of this.calls) {
      const again = this.authenticator.authenticate(proofsOf(one.call), this.clock.now());
      if (!(again instanceof Promise)) this.judge(one, again);
      else
        inBackground(
          again.then((known) => this.judge(one, known)),
          () => this.dismiss(one, status.internal, "the server could not tell who this client is"),
        );
    }
  }

  private judge(one: Admitted, again: Result<Identity>): void {
    if (again.ok) {
      if (!isSame(again.value, one.identity))
        this.dismiss(one, status.unauthenticated, "what this client proves has changed; connect again");
    } else if (!again.error.retryable) this.dismiss(one, status.unauthenticated, again.error.message);
    // Where nobody can be asked now, it goes on.
  }

  private dismiss(one: Admitted, code: number, why: string): void {
    if (!this.calls.delete(one)) return;
    one.call.end(code, why);
    one.call.connection.retire();
  }
}

export function proofsOf({ connection, headers }: Call): Proofs {
  return { peer: connection.peer, address: connection.address, authorization: headers.authorization };
}

/** A client that comes back with what is about to end keeps it to its end. */
function endOf({ until }: Identity, now: number): number {
  if (until === undefined) return Number.POSITIVE_INFINITY;
  return until - now > AHEAD_MS ? until - AHEAD_MS : until;
}

function isSame(a: Identity, b: Identity): boolean {
  if (a.role === "reader" || b.role === "reader") return a.role === b.role;
  return a.namespace === b.namespace && a.nodeId === b.nodeId && a.podUid === b.podUid;
}

/** The handler, and a note when its call is over. */
function watched(handler: CallHandler, over: () => void): CallHandler {
  return {
    maxRequestSize: handler.maxRequestSize,
    tooLarge: handler.tooLarge,
    message: (bytes) => handler.message(bytes),
    drained: () => handler.drained?.(),
    halfClosed: () => handler.halfClosed(),
    closed() {
      over();
      handler.closed();
    },
  };
}
