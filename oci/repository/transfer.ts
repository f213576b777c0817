import type { Digest } from "../../model/digest.ts";
import type { Failure, Result } from "../../model/result.ts";
import type { Descriptor } from "./manifest.ts";

/** A blob that comes piece by piece could not be had whole. `failure` says why. */
export class Broken extends Error {
  readonly failure: Failure;
  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }
}

/** A repository whose blobs are read a piece at a time: of a large one only some hundred KB are in memory. */
export interface BlobSource {
  /** The content of a descriptor. Throws `Broken`; also at the end, where the content is not what the descriptor says. */
  stream(descriptor: Descriptor, signal?: AbortSignal): AsyncGenerator<Uint8Array>;
}

/** A repository whose blobs are written a piece at a time. */
export interface BlobTarget {
  holdsBlob(descriptor: Descriptor, signal?: AbortSignal): Promise<Result<boolean>>;
  /** Stores a blob; it is there only if the pieces are what the descriptor says. Fails with what the pieces throw as `Broken`, too. */
  putStream(descriptor: Descriptor, pieces: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<Result<void>>;
  /** Takes a blob over from another repository of the same place, without its bytes. False: that cannot be done here. */
  mount(digest: Digest, from: BlobPlace, signal?: AbortSignal): Promise<Result<boolean>>;
}

/** Where a repository is: `registry` and path, or a folder. */
export interface BlobPlace {
  readonly registry: string | undefined;
  readonly repository: string;
}
