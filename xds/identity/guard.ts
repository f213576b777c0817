import type { Clock } from "../../model/clock.ts";
import type { Identity, ProxyIdentity } from "../../model/identity.ts";
import { failForNow, type Result } from "../../model/result.ts";
import type { Call, CallHandler, GuardedMethod, Method } from "../grpc/call.ts";
import { status } from "../grpc/status.ts";
import { AdmittedCalls, proofsOf } from "./admitted.ts";
import { type Authenticator, after } from "./authenticator.ts";

/** A method that is told which proxy calls; `undefined`: nobody is asked, and what a client says of itself counts. */
export type ProxyMethod = (call: Call, identity: ProxyIdentity | undefined) => CallHandler;

/** Stands before methods and lets in who may call them. */
export interface Guard {
  forProxies(method: ProxyMethod): GuardedMethod;
  forReaders(method: Method): GuardedMethod;
  close(): void;
}

/** How long it may take to decide who calls. */
const DECIDE_MS = 15_000;

const HANDLER: CallHandler = { message() {}, halfClosed() {}, closed() {} };

/** A text: why this client may not. */
type Open = (call: Call, identity: Identity) => CallHandler | string;

/** Lets everybody call everything. */
export function createOpenGuard(): Guard {
  return { forProxies: (method) => (call) => method(call, undefined), forReaders: (method) => method, close() {} };
}

/**
 * Ends calls of clients that proved nothing with UNAUTHENTICATED, of those that may not call a method with PERMISSION_DENIED, and those of whom it cannot be told now
 * with UNAVAILABLE. What proved an open call must go on to count: see `AdmittedCalls`.
 */
export function createGuard(authenticator: Authenticator, clock: Clock): Guard {
  const calls = new AdmittedCalls(authenticator, clock);

  function admit(call: Call, proved: Result<Identity>, open: Open): CallHandler {
    if (!proved.ok) {
      call.end(proved.error.retryable ? status.unavailable : status.unauthenticated, proved.error.message);
      return HANDLER;
    }
    const handler = open(call, proved.value);
    if (typeof handler !== "string") return calls.add(call, proved.value, handler);
    call.end(status.permissionDenied, handler);
    return HANDLER;
  }

  function guarded(open: Open): GuardedMethod {
    return (call) => {
      const proved = authenticator.authenticate(proofsOf(call), clock.now());
      return after(proved instanceof Promise ? inTime(proved, clock) : proved, (known) => admit(call, known, open));
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
    close: () => calls.close(),
  };
}

/** An answer that does not come in time is none. */
function inTime(proved: Promise<Result<Identity>>, clock: Clock): Promise<Result<Identity>> {
  const late = Promise.withResolvers<Result<Identity>>();
  const why = `the server could not tell within ${DECIDE_MS / 1_000} s who this client is; try again`;
  const cancel = clock.after(DECIDE_MS, () => late.resolve(failForNow("Late", why)));
  return Promise.race([proved, late.promise]).finally(cancel);
}
