/** gRPC status codes in use. https://grpc.github.io/grpc/core/md_doc_statuscodes.html */
export const status = {
  ok: 0,
  invalidArgument: 3,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** Statuses that say that the client is at fault. */
export const FAULTS: ReadonlySet<number> = new Set([
  status.invalidArgument,
  status.permissionDenied,
  status.resourceExhausted,
  status.unimplemented,
  status.unauthenticated,
]);

/** `grpc-message` is percent-encoded. https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#responses */
export function encodeMessage(message: string): string {
  return encodeURIComponent(message).replaceAll("%20", " ");
}
