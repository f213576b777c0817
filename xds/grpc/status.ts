import type { RefusalReason } from "../../model/metrics.ts";

/** gRPC status codes in use. https://grpc.github.io/grpc/core/md_doc_statuscodes.html */
export const status = {
  ok: 0,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** Statuses that say that the client is at fault, and of what kind. */
export const FAULTS: ReadonlyMap<number, RefusalReason> = new Map([
  [status.invalidArgument, "request"],
  [status.deadlineExceeded, "limit"],
  [status.permissionDenied, "denied"],
  [status.resourceExhausted, "limit"],
  [status.unimplemented, "request"],
  [status.unauthenticated, "unauthenticated"],
]);

/** `grpc-message` is percent-encoded. https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#responses */
export function encodeMessage(message: string): string {
  return encodeURIComponent(message).replaceAll("%20", " ");
}
