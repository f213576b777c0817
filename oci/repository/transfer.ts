import type { BlobDigest } from "../../model/digest.ts";
import { type Failure, ok, type Result } from "../../model/result.ts";
import type { BlobDescriptor } from "./manifest.ts";

/** A blob that comes piece by piece could not be had whole. `failure` says why. */
export class Broken extends Error {
  readonly failure: Failure;
  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }
}

/** Reads pieces to their end and gives what it made of them. Throws what they throw, and then leaves nothing of them. */
export type Take<T> = (pieces: AsyncIterable<Uint8Array>) => Promise<T>;

/** A repository whose blobs are read a piece at a time: of a large one only some hundred KB are in memory. */
export interface BlobSource {
  /**
   * Has `take` read the content of a descriptor. It is called again, from the beginning, where the content may be had in another way: with other credentials, or from the
   * registry behind a mirror. What `take` throws of its own ends it. What it made of content that is not what the descriptor says is not given.
   */
  receive<T>(descriptor: BlobDescriptor, take: Take<T>, signal?: AbortSignal): Promise<Result<T>>;
}

/** A repository whose blobs are written a piece at a time. */
export interface BlobTarget {
  holdsBlob(descriptor: BlobDescriptor, signal?: AbortSignal): Promise<Result<boolean>>;
  /** Stores a blob; it is there only if the pieces are what the descriptor says. Fails with what the pieces throw as `Broken`, too. */
  putStream(descriptor: BlobDescriptor, pieces: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<Result<void>>;
  /** Takes a blob over from another repository of the same place, without its bytes. False: that cannot be done here. */
  mount(digest: BlobDigest, from: BlobPlace, signal?: AbortSignal): Promise<Result<boolean>>;
}

/** Where a repository is: `registry` and path, or a folder. */
export interface BlobPlace {
  readonly registry: string | undefined;
  readonly repository: string;
}

/** Has `take` read the pieces, and reads what it leaves of them: only at their end it is known whether they are what they should be. */
export async function taking<T>(pieces: AsyncGenerator<Uint8Array>, take: Take<T>): Promise<Result<T>> {
  let broken: Broken | undefined;
  // Without a `return`: who stops early does not end them.
  const next = async () => {
    try {
      return await pieces.next();
    } catch (error) {
      if (error instanceof Broken) broken = error;
      throw error;
    }
  };
  try {
    const taken = await take({ [Symbol.asyncIterator]: () => ({ next }) });
    while (broken === undefined && !(await next()).done);
    if (broken === undefined) return ok(taken);
  } catch (error) {
    if (broken === undefined) throw error;
  } finally {
    await pieces.return(undefined);
  }
  return { ok: false, error: broken.failure };
}

/** Reads pieces of this many bytes together into one array. */
export function collect(size: number): Take<Uint8Array<ArrayBuffer>> {
  return async (pieces) => {
    const whole = new Uint8Array(size);
    let offset = 0;
    for await (const piece of pieces) {
      whole.set(piece, offset);
      offset += piece.byteLength;
    }
    return whole;
  };
}
