import type { GrpcCall, GrpcReply, HttpCall, HttpReply, NoReply } from "../values/replies.ts";

/** A call of the plugin without an answer yet. Messages are added while the plugin sends. */
export type PendingCall = PendingHttp | PendingGrpc;

interface Pending {
  readonly token: number;
  readonly contextId: number;
  /** When its answer comes, in nanoseconds since the epoch, where a test moves the clock. `undefined`: never. */
  readonly dueAt: bigint | undefined;
}

export interface PendingHttp extends Pending {
  readonly kind: "http";
  readonly call: HttpCall;
  readonly reply: HttpReply | NoReply;
}

export interface PendingGrpc extends Pending {
  readonly kind: "grpc";
  readonly call: GrpcCall & { readonly messages: Uint8Array[] };
  /** `undefined`: of a stream, which is answered when that is due. */
  readonly reply: GrpcReply | "silence" | undefined;
}

/** Calls without an answer yet. Tokens carry the type in their low two bits (0 HTTP, 1 gRPC call, 2 gRPC stream), as in Envoy. */
export interface CallTable {
  http(call: Omit<PendingHttp, "kind" | "token">): number;
  grpc(call: Omit<PendingGrpc, "kind" | "token">): number;
  find(token: number): PendingCall | undefined;
  remove(token: number): boolean;
  /** Calls without an answer. */
  pending(): number;
  /** Calls that were ever made. */
  made(): number;
  /** Takes out the calls whose answer is due: those up to this time, where a test moves the clock, else all. */
  take(now: bigint | undefined): readonly PendingCall[];
  /** When the next answer is due. */
  nextDue(): bigint | undefined;
}

export function createCallTable(): CallTable {
  const pending = new Map<number, PendingCall>();
  const last = [0, 0, 0];
  const nextToken = (type: 0 | 1 | 2): number => {
    last[type] = (last[type] ?? 0) + 1;
    return type + 4 * (last[type] ?? 0);
  };
  return {
    http(call) {
      const token = nextToken(0);
      pending.set(token, { ...call, kind: "http", token });
      return token;
    },
    grpc(call) {
      const token = nextToken(call.call.streaming ? 2 : 1);
      pending.set(token, { ...call, kind: "grpc", token });
      return token;
    },
    find: (token) => pending.get(token),
    remove: (token) => pending.delete(token),
    pending: () => pending.size,
    made: () => last.reduce((sum, count) => sum + count, 0),
    take(now) {
      const taken = [...pending.values()].filter(({ dueAt }) => now === undefined || (dueAt !== undefined && dueAt <= now));
      for (const { token } of taken) pending.delete(token);
      return taken;
    },
    nextDue: () =>
      [...pending.values()].reduce<bigint | undefined>((first, { dueAt }) => {
        return dueAt !== undefined && (first === undefined || dueAt < first) ? dueAt : first;
      }, undefined),
  };
}
