import { FromCaller, ToCaller } from "../gen/weir/v1/replicas.ts";
import { decoded } from "./decode.ts";
import { type PeerProof, whyNoReplica } from "./identity.ts";

/** Where a peer is called. */
export const JOIN = "/weir.v1.Replicas/Join";

/** A call of a peer, as the server has it. */
export interface PeerCall {
  readonly proof: PeerProof | undefined;
  send(message: Uint8Array): void;
  end(code: number, message?: string): void;
}

export interface PeerCallHandler {
  message(bytes: Uint8Array): void;
  closed(): void;
}

/** What a caller says, after who it is. */
export type Said = Exclude<NonNullable<FromCaller["said"]>, { $case: "hello" }>;

export interface ServiceDeps {
  /** Of this process. */
  readonly id: string;
  /** Of Weir. */
  readonly version: string;
  /** See `replicaUri`. */
  readonly uri: string;
  readonly now: () => number;
  readonly isLeading: () => boolean;
  /** `offsetMs`: what is added to its times to have them by the clock of this machine. */
  readonly said: (replica: string, said: Said, offsetMs: number) => void;
  readonly left: (replica: string) => void;
  /** It reports to who decides alone, as earlier versions do. */
  readonly reportsToLeaderAlone: (replica: string) => void;
}

/** The calls of peers. */
export interface Service {
  open(call: PeerCall): PeerCallHandler;
  /** To be called once a second: tells who calls whether this replica decides. */
  beat(): void;
  /** Tells one replica. False: it does not call. */
  tell(replica: string, said: ToCaller["said"]): boolean;
}

/** https://grpc.io/docs/guides/status-codes/ */
const [INVALID_ARGUMENT, PERMISSION_DENIED, ABORTED] = [3, 7, 10];
/** More replicas than anybody runs. */
const MOST_CALLS = 64;

/** Of a call that is over. */
const NOBODY: PeerCallHandler = { message() {}, closed() {} };

export function createService({ id, version, uri, now, isLeading, said, left, reportsToLeaderAlone }: ServiceDeps): Service {
  const calls = new Map<string, PeerCall>();
  const send = (call: PeerCall, message: ToCaller["said"]) => call.send(ToCaller.encode({ said: message }).finish());
  const beatOf = (): ToCaller["said"] => ({ $case: "beat", beat: { leads: isLeading() } });

  return {
    open(call) {
      let replica: string | undefined;
      let offsetMs = 0;
      const why = whyNoReplica(call.proof, uri, now());
      if (why !== undefined) {
        call.end(PERMISSION_DENIED, `only a replica of this Weir may call this: ${why}`);
        return NOBODY;
      }
      if (calls.size >= MOST_CALLS) {
        call.end(ABORTED, `${MOST_CALLS} replicas call already`);
        return NOBODY;
      }

      /** A replica that calls again has lost the call of before. */
      function greeted(name: string, itsNow: number): void {
        replica = name;
        offsetMs = now() - itsNow;
        calls.get(name)?.end(ABORTED, "this replica called again");
        if (calls.has(name)) left(name);
        calls.set(name, call);
        send(call, { $case: "hello", hello: { replica: id, now: now(), version, keepsReports: true } });
        send(call, beatOf());
      }

      return {
        message(bytes) {
          const message = decoded(FromCaller, bytes);
          if (message === undefined) return call.end(INVALID_ARGUMENT, "the message cannot be read");
          if (message.said?.$case === "hello") {
            const { replica: name = "", now: itsNow = now(), keepsReports } = message.said.hello;
            if (name === "" || replica !== undefined) return;
            greeted(name, itsNow);
            if (keepsReports !== true) reportsToLeaderAlone(name);
          } else if (message.said !== undefined && replica !== undefined) said(replica, message.said, offsetMs);
        },
        closed() {
          if (replica === undefined || calls.get(replica) !== call) return;
          calls.delete(replica);
          left(replica);
        },
      };
    },
    beat() {
      for (const call of calls.values()) send(call, beatOf());
    },
    tell(replica, message) {
      const call = calls.get(replica);
      if (call !== undefined) send(call, message);
      return call !== undefined;
    },
  };
}
