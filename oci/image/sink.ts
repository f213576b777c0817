import { createHash } from "node:crypto";
import type { Digest } from "../../model/digest.ts";

/** Takes a module's bytes as they come. */
export interface ModuleSink {
  /** Reads all the pieces; they replace what was written before. Throws what they throw. */
  write(pieces: AsyncIterable<Uint8Array>): Promise<void>;
}

/** Keeps the bytes in memory. */
export class MemorySink implements ModuleSink {
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array();

  async write(pieces: AsyncIterable<Uint8Array>): Promise<void> {
    const parts = await Array.fromAsync(pieces);
    this.bytes = new Uint8Array(Buffer.concat(parts));
  }
}

/** Keeps nothing: for who wants a module's digest alone. */
export const nowhere: ModuleSink = {
  async write(pieces) {
    for await (const _ of pieces);
  },
};

/** Pieces that are counted, and hashed unless their digest is known, while they go by. */
export class Measured {
  private readonly pieces: AsyncIterable<Uint8Array>;
  private readonly hash = createHash("sha256");
  private readonly known: Digest | undefined;
  size = 0;

  constructor(pieces: AsyncIterable<Uint8Array>, known?: Digest) {
    this.pieces = pieces;
    this.known = known;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for await (const piece of this.pieces) {
      this.size += piece.byteLength;
      if (this.known === undefined) this.hash.update(piece);
      yield piece;
    }
  }

  /** To be asked once, at the end. */
  digest(): Digest {
    return this.known ?? `sha256:${this.hash.digest("hex")}`;
  }
}
