import type { Clock } from "../../model/clock.ts";
import type { Call, CallHandler, Method } from "../grpc/call.ts";
import { status } from "../grpc/status.ts";
import type { Authenticator, Identity, Proofs, ProxyIdentity } from "./authenticator.ts";

/** A method that is told which proxy calls; `undefined`: nobody is asked, and what a client says of itself counts. */
export type ProxyMethod = (call: Call, identity: ProxyIdentity | undefined) => CallHandler;

/** Stands before methods and lets in who may call them. */
export interface Guard {
  forProxies(method: ProxyMethod): Method;
  forReaders(method: Method): Method;
  close(): void;
}

/** How often it is looked for calls whose proof ends, and how long before its end they are asked to come back with a new one. */
const LOOK_MS = 1_000;
const AHEAD_MS = 60_000;

const HANDLER: CallHandler = { message() {}, halfClosed() {}, closed() {} };

interface Held {
  readonly call: Call;
  readonly identity: Identity;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

/** Lets everybody call everything. */
export function createOpenGuard(): Guard {
  return { forProxies: (method) => (call) => method(call, undefined), forReaders: (method) => method, close() {} };
}

/**
 * Ends calls of clients that proved nothing with UNAUTHENTICATED, and of those that may not call a method with PERMISSION_DENIED. An open call ends when what
 * proved it does not count any more; before a certificate ends its connection is asked to go (GOAWAY), as a client keeps the one that it opened it with.
 */
export function createGuard(authenticator: Authenticator, clock: Clock): Guard {
  const held = new Set<Held>();
  const stop = authenticator.onChange(review);
  let cancel = clock.after(LOOK_MS, look);

  function look(): void {
    const now = clock.now();
    for (const one of held) {
      if (one.until > now) continue;
      const isOver = one.identity.until !== undefined && one.identity.until <= now;
      if (isOver) dismiss(one, status.unauthenticated, "the client certificate has ended");
      else dismiss(one, status.unavailable, "the client certificate ends soon; connect again with the next one");
    }
    cancel = clock.after(LOOK_MS, look);
  }

  /** Who is accepted has changed. */
  function review(): void {
    for (const one of held) {
      const again = authenticator.authenticate(proofsOf(one.call), clock.now());
      if (!again.ok) dismiss(one, status.unauthenticated, again.error.message);
      else if (!isSame(again.value, one.identity))
        dismiss(one, status.unauthenticated, "what this client proves has changed; connect again");
    }
  }

  function dismiss(one: Held, code: number, why: string): void {
    held.delete(one);
    one.call.end(code, why);
    one.call.connection.retire();
  }

  function guarded(open: (call: Call, identity: Identity) => CallHandler | string): Method {
    return (call) => {
      const now = clock.now();
      const proved = authenticator.authenticate(proofsOf(call), now);
      const handler = proved.ok ? open(call, proved.value) : undefined;
      if (!proved.ok) call.end(status.unauthenticated, proved.error.message);
      else if (typeof handler === "string") call.end(status.permissionDenied, handler);
      if (!proved.ok || handler === undefined || typeof handler === "string") return HANDLER;
      const one = { call, identity: proved.value, until: endOf(proved.value, now) };
      held.add(one);
      return watched(handler, () => held.delete(one));
    };
  }

  return {
    forProxies: (method) =>
      guarded((call, identity) =>
        identity.role === "proxy" ? method(call, identity) : "a reader's token is not a proxy's; use one with a namespace",
      ),
    forReaders: (method) =>
      guarded((call, identity) =>
        identity.role === "reader" ? method(call) : "only a reader may ask this; use a token with `role: reader`",
      ),
    close() {
      stop();
      cancel();
    },
  };
}

/** A client that comes back with the certificate that is about to end keeps it to its end. */
function endOf({ until }: Identity, now: number): number {
  if (until === undefined) return Number.POSITIVE_INFINITY;
  return until - now > AHEAD_MS ? until - AHEAD_MS : until;
}

function proofsOf({ connection, headers }: Call): Proofs {
  const { authorization } = headers;
  return { peer: connection.peer, authorization };
}

function isSame(a: Identity, b: Identity): boolean {
  if (a.role === "reader" || b.role === "reader") return a.role === b.role;
  return a.namespace === b.namespace && a.nodeId === b.nodeId;
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
