import type { GrpcCall, HttpCall } from "../values/replies.ts";

/** A call of the plugin without an answer yet. Messages are added while the plugin sends. */
export type PendingCall =
  | { readonly kind: "http"; readonly token: number; readonly contextId: number; readonly call: HttpCall }
  | {
      readonly kind: "grpc";
      readonly token: number;
      readonly contextId: number;
      readonly call: GrpcCall & { readonly messages: Uint8Array[] };
    };

/** Calls without an answer yet. Tokens carry the type in their low two bits (0 HTTP, 1 gRPC call, 2 gRPC stream), as in Envoy. */
export interface CallTable {
  http(contextId: number, call: HttpCall): number;
  grpc(contextId: number, call: GrpcCall): number;
  find(token: number): PendingCall | undefined;
  remove(token: number): boolean;
  /** Calls without an answer. */
  pending(): number;
  /** Calls that were ever made. */
  made(): number;
  /** Takes out all calls that wait for an answer. */
  take(): readonly PendingCall[];
}

export function createCallTable(): CallTable {
  const pending = new Map<number, PendingCall>();
  const last = [0, 0, 0];
  const nextToken = (type: 0 | 1 | 2): number => {
    last[type] = (last[type] ?? 0) + 1;
    return type + 4 * (last[type] ?? 0);
  };
  return {
    http(contextId, call) {
      const token = nextToken(0);
      pending.set(token, { kind: "http", token, contextId, call });
      return token;
    },
    grpc(contextId, call) {
      const token = nextToken(call.streaming ? 2 : 1);
      pending.set(token, { kind: "grpc", token, contextId, call: { ...call, messages: [...call.messages] } });
      return token;
    },
    find: (token) => pending.get(token),
    remove: (token) => pending.delete(token),
    pending: () => pending.size,
    made: () => last.reduce((sum, count) => sum + count, 0),
    take() {
      const taken = [...pending.values()];
      pending.clear();
      return taken;
    },
  };
}
