import type { Digest } from "../../model/digest.ts";
import type { Resource } from "../protocol/resource.ts";
import type { Answer, Item } from "../protocol/subscription.ts";
import type { XdsStream } from "./stream.ts";

/** A name subscribed by a request, and the version that the client says it holds. */
export interface Subscribed {
  readonly name: string;
  readonly claimed: string | undefined;
}

/** Stream callbacks: open, subscribe, ACK/NACK, close. They are called in the middle of protocol work, so they must only take note, change the cache, and return. */
export interface StreamObserver {
  opened(stream: XdsStream): void;
  /** Its node has other labels than before. */
  relabeled(stream: XdsStream): void;
  /** `resuming`: a state-of-the-world client said that it holds something of this type already, by the version of the last response that it took. */
  subscribed(
    stream: XdsStream,
    typeUrl: string,
    added: readonly Subscribed[],
    removed: readonly string[],
    resuming: string | undefined,
  ): void;
  answered(stream: XdsStream, typeUrl: string, answer: Answer): void;
  /** The client holds the current version since before it connected: nothing had to be sent. */
  settled(stream: XdsStream, typeUrl: string, item: Item): void;
  /** This module of a resource that was due could not be loaded. The cache holds the resource's name: nothing is sent under it. */
  missing(stream: XdsStream, resource: Resource, wasmDigest: Digest): void;
  closed(stream: XdsStream): void;
}
