import { messageOf } from "../../base/error.ts";
import type { ProxyIdentity } from "../../model/identity.ts";
import { HealthCheckResponse, HealthCheckResponse_ServingStatus } from "../gen/grpc/health/v1/health.ts";
import type { Call, GuardedMethod, Method } from "../grpc/call.ts";
import { frame } from "../grpc/message.ts";
import { status } from "../grpc/status.ts";
import { createOpenGuard } from "../identity/guard.ts";
import type { Request } from "../protocol/subscription.ts";
import type { Discovery } from "../stream/discovery.ts";
import type { Wire } from "../stream/stream.ts";
import { discoveryServices } from "./names.ts";

/** Both methods of every discovery service. */
export function discoveryMethods(discovery: Discovery, guard = createOpenGuard()): [string, GuardedMethod][] {
  const serve = (variant: Request["variant"], typeUrl: string | undefined): GuardedMethod =>
    guard.forProxies((call, identity) => discovery.open(variant, typeUrl, identity === undefined ? call : wireOf(call, identity)));
  return discoveryServices.flatMap(({ name, sotw, delta, typeUrl }): [string, GuardedMethod][] => [
    [`/${name}/${sotw}`, serve("sotw", typeUrl)],
    [`/${name}/${delta}`, serve("delta", typeUrl)],
  ]);
}

function wireOf(call: Call, identity: ProxyIdentity): Wire {
  return { send: (message) => call.send(message), end: (code, message) => call.end(code, message), connection: call.connection, identity };
}

/** Bytes of a request that asks for next to nothing. */
const SMALL_REQUEST = 64 * 1024;

/** Answers one request with one message. `answer` returns the encoded response, or throws when the request is not a valid one. */
export function unary(answer: (request: Buffer) => Uint8Array): Method {
  return (call) => ({
    maxRequestSize: SMALL_REQUEST,
    message(request) {
      try {
        call.send(frame([answer(request)]));
        call.end(status.ok);
      } catch (error) {
        call.end(status.invalidArgument, `the request cannot be read: ${messageOf(error)}`);
      }
    },
    halfClosed: () => call.end(status.internal, "no request came"),
    closed() {},
  });
}

/** https://github.com/grpc/grpc/blob/master/doc/health-checking.md */
export function healthMethods(): [string, Method][] {
  const serving = HealthCheckResponse.encode({ status: HealthCheckResponse_ServingStatus.SERVING }).finish();
  const watch: Method = (call) => ({
    maxRequestSize: SMALL_REQUEST,
    message() {
      call.send(frame([serving]));
      return call.taken();
    },
    halfClosed() {},
    closed() {},
  });
  return [
    ["/grpc.health.v1.Health/Check", unary(() => serving)],
    ["/grpc.health.v1.Health/Watch", watch],
  ];
}
