import { createHash } from "node:crypto";
import type { Clock } from "../../model/clock.ts";
import type { Digest } from "../../model/digest.ts";
import type { Log } from "../../model/log.ts";
import { Piece, Wanted } from "../gen/weir/v1/replicas.ts";
import { GET } from "./content-service.ts";
import { decoded } from "./decode.ts";
import type { Dial, DialedCall } from "./dial.ts";

export interface ContentClientDeps {
  readonly dial: Dial;
  /** Peers that answer, in the order in which they are asked. */
  readonly reached: () => readonly string[];
  readonly clock: Pick<Clock, "after">;
  readonly log: Log;
}

/** Asks peers, one after the other, for what they have. It is checked as it comes. */
export interface ContentClient {
  /** The module's bytes; `undefined`: no peer that answers has it, or the signal fired. */
  module(wasmDigest: Digest, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /**
   * The text from a Secret that a revision was made with. `isRight`: whether these bytes are it, which their keyed hash says; the next peer is asked where they are not.
   */
  text(filter: string, hash: string, isRight: (bytes: Buffer) => boolean, signal?: AbortSignal): Promise<Buffer | undefined>;
}

/** A peer that sends nothing for so long is not waited for. */
const SILENT_MS = 5_000;
/** More than a registry may give. */
const LARGEST_MODULE = 256 * 2 ** 20;
/** More than a Secret holds. https://kubernetes.io/docs/concepts/configuration/secret/#restriction-data-size */
const LARGEST_TEXT = 2 * 2 ** 20;

export function createContentClient(deps: ContentClientDeps): ContentClient {
  async function first<T>(ask: (address: string) => Promise<T | undefined>, signal: AbortSignal | undefined): Promise<T | undefined> {
    for (const address of deps.reached()) {
      if (signal?.aborted) return undefined;
      const got = await ask(address);
      if (got !== undefined) return got;
    }
    return undefined;
  }

  return {
    module: (wasmDigest, signal) =>
      first(async (address) => {
        const hash = createHash("sha256");
        const what = { $case: "module" as const, module: wasmDigest };
        const bytes = await receive(deps, address, { what }, { most: LARGEST_MODULE, piece: (one) => void hash.update(one), signal });
        if (bytes === undefined) return undefined;
        if (`sha256:${hash.digest("hex")}` === wasmDigest) return bytes;
        deps.log.warn("a replica gave other bytes than those of the module", { address, wasmDigest });
        return undefined;
      }, signal),
    text: (filter, hash, isRight, signal) =>
      first(async (address) => {
        const what = { $case: "text" as const, text: { filter, hash } };
        const bytes = await receive(deps, address, { what }, { most: LARGEST_TEXT, signal });
        if (bytes === undefined) return undefined;
        const text: Buffer = Buffer.from(bytes.buffer);
        return isRight(text) ? text : undefined;
      }, signal),
  };
}

interface Receiving {
  /** Bytes. */
  readonly most: number;
  readonly piece?: (bytes: Uint8Array) => void;
  readonly signal: AbortSignal | undefined;
}

/** One answer of one peer, whole; `undefined`: it has none, or did not give it. */
function receive(
  { dial, clock }: ContentClientDeps,
  address: string,
  wanted: Wanted,
  { most, piece, signal }: Receiving,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  return new Promise((resolve) => {
    let bytes: Uint8Array<ArrayBuffer> | undefined;
    let got = 0;
    let cancelTimer = () => {};
    const end = () => call.end();
    const wait = () => {
      cancelTimer();
      cancelTimer = clock.after(SILENT_MS, end);
    };
    const take = ({ size, bytes: more = Buffer.alloc(0) }: Piece): boolean => {
      if (bytes === undefined) {
        if (size === undefined || size > most) return false;
        bytes = new Uint8Array(size);
      }
      if (got + more.byteLength > bytes.byteLength) return false;
      bytes.set(more, got);
      piece?.(more);
      got += more.byteLength;
      return true;
    };
    const call: DialedCall = dial(address, GET, {
      message(message) {
        const next = decoded(Piece, message);
        if (next === undefined || !take(next)) end();
        else wait();
      },
      drained() {},
      closed() {
        cancelTimer();
        signal?.removeEventListener("abort", end);
        resolve(bytes !== undefined && got === bytes.byteLength ? bytes : undefined);
      },
    });
    signal?.addEventListener("abort", end);
    wait();
    call.write(Wanted.encode(wanted).finish());
  });
}
