import { inBackground } from "../../base/boundary.ts";
import type { Clock } from "../../model/clock.ts";
import { isDigest } from "../../model/digest.ts";
import type { StoreSource } from "../../model/module.ts";
import { Piece, Wanted } from "../gen/weir/v1/replicas.ts";
import { decoded } from "./decode.ts";
import { whyNoReplica } from "./identity.ts";
import type { PeerCall, PeerCallHandler } from "./service.ts";

/** Where a peer asks for what this replica has. */
export const GET = "/weir.v1.Replicas/Get";

/** What a replica gives its peers: what it has itself. */
export interface Contents {
  /** Modules of its own store. */
  readonly modules: Pick<StoreSource, "read">;
  /** The text from a Secret that a revision with this keyed hash was made with. `filter`: `namespace/name`. */
  text(filter: string, hash: string): Uint8Array | undefined;
}

export interface ContentCall extends Omit<PeerCall, "send"> {
  /** False: hold back until `drained` is called. */
  send(message: Uint8Array): boolean;
}

export interface ContentCallHandler extends PeerCallHandler {
  drained(): void;
}

export interface ContentServiceDeps {
  /** See `replicaUri`. */
  readonly uri: string;
  readonly contents: Contents;
  readonly clock: Clock;
}

/** Answers `GET`. */
export interface ContentService {
  open(call: ContentCall): ContentCallHandler;
}

/** https://grpc.io/docs/guides/status-codes/ */
const [OK, INVALID_ARGUMENT, DEADLINE_EXCEEDED, NOT_FOUND, PERMISSION_DENIED, RESOURCE_EXHAUSTED] = [0, 3, 4, 5, 7, 8];
/** Each has a module in memory. */
const MOST_CALLS = 8;
/** The largest module takes 20 s at 50 Mbit/s. */
const LONGEST_MS = 60_000;
/** Bytes of a message. */
const PIECE = 256 * 1024;

const NOTHING = Buffer.alloc(0);

export function createContentService({ uri, contents, clock }: ContentServiceDeps): ContentService {
  const calls = new Set<Giving>();
  return {
    open(call) {
      const why = whyNoReplica(call.proof, uri, clock.now());
      const giving = new Giving(call, contents, (one) => calls.delete(one));
      if (why !== undefined) giving.end(PERMISSION_DENIED, `only a replica of this Weir may call this: ${why}`);
      else if (calls.size >= MOST_CALLS) giving.end(RESOURCE_EXHAUSTED, `${MOST_CALLS} calls are open already`);
      else {
        calls.add(giving);
        giving.endAfter(clock, LONGEST_MS);
      }
      return giving;
    },
  };
}

/** One answer. */
class Giving implements ContentCallHandler {
  private readonly call: ContentCall;
  private readonly contents: Contents;
  private readonly over: (giving: Giving) => void;
  private cancelTimer = () => {};
  private isAsked = false;
  private isOver = false;
  private bytes: Buffer = NOTHING;
  private sent = 0;

  constructor(call: ContentCall, contents: Contents, over: (giving: Giving) => void) {
    this.call = call;
    this.contents = contents;
    this.over = over;
  }

  endAfter(clock: Clock, ms: number): void {
    this.cancelTimer = clock.after(ms, () => this.end(DEADLINE_EXCEEDED, "it was not taken in time"));
  }

  message(bytes: Uint8Array): void {
    const what = this.isAsked ? undefined : decoded(Wanted, bytes)?.what;
    if (what === undefined) this.end(INVALID_ARGUMENT, "one thing can be asked for in a call");
    else if (!this.isOver) inBackground(this.answer(what), () => this.end(NOT_FOUND, "it cannot be read"));
    this.isAsked = true;
  }

  drained(): void {
    if (this.isAsked && this.sent > 0) this.send();
  }

  closed(): void {
    this.finish();
  }

  end(code: number, message?: string): void {
    if (this.isOver) return;
    this.finish();
    this.call.end(code, message);
  }

  private async answer(what: NonNullable<Wanted["what"]>): Promise<void> {
    const found = await this.find(what);
    if (found === undefined) return this.end(NOT_FOUND, "this replica does not have it");
    this.bytes = Buffer.from(found.buffer, found.byteOffset, found.byteLength);
    this.send();
  }

  private async find(what: NonNullable<Wanted["what"]>): Promise<Uint8Array | undefined> {
    if (what.$case === "text") return this.contents.text(what.text.filter ?? "", what.text.hash ?? "");
    return isDigest(what.module) ? this.contents.modules.read(what.module) : undefined;
  }

  private send(): void {
    const { bytes, call } = this;
    let takes = true;
    while (takes && !this.isOver) {
      const piece = { bytes: bytes.subarray(this.sent, this.sent + PIECE), ...(this.sent === 0 ? { size: bytes.byteLength } : {}) };
      this.sent += piece.bytes.byteLength;
      takes = call.send(Piece.encode(piece).finish());
      if (this.sent === bytes.byteLength) this.end(OK);
    }
  }

  private finish(): void {
    this.isOver = true;
    this.bytes = NOTHING;
    this.cancelTimer();
    this.over(this);
  }
}
