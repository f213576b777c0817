import type { IncomingHttpHeaders } from "node:http2";
import type { Message } from "./message.ts";
import type { Peer } from "./peer.ts";

/** One call, seen from the server. */
export interface Call {
  readonly headers: IncomingHttpHeaders;
  readonly connection: Connection;
  /** Sends a message, which must not change afterwards. False: hold back until `drained` is called. */
  send(message: Message): boolean;
  /** Resolves when the client took all that was sent, or the call is over. A client that takes nothing for 30 s has its call ended. */
  taken(): Promise<void>;
  /** Ends the call with this status; nothing is sent or received after it. Safe to call again. */
  end(code: number, message?: string): void;
}

/** The HTTP/2 connection that carries a call. */
export interface Connection {
  /** `host:port` of the client. */
  readonly address: string;
  /** What TLS says of the client. */
  readonly peer: Peer;
  /** Takes no new calls (GOAWAY). It closes when the open ones have ended, and is cut after a grace of 2 s. Safe to call again. */
  retire(): void;
  /** Sends a ping. `done` is called once: true when the client answered it, false when the connection ended first or owes too many. */
  probe(done: (answered: boolean) => void): void;
}

/** What a method does with a call. */
export interface CallHandler {
  /** Bytes of a request, where that is less than what the server takes. */
  readonly maxRequestSize?: number | undefined;
  /** What to tell a client whose request is larger, besides the bound. */
  readonly tooLarge?: string | undefined;
  /** A request. The bytes are good until it returns. A promise: the next request waits until it is done. */
  message(bytes: Buffer): void | Promise<void>;
  drained?(): void;
  /** The pod that calls has these labels now. */
  relabeled?(labels: Readonly<Record<string, string>>): void;
  /** The client sends no more. */
  halfClosed(): void;
  /** The call is over, whoever ended it. Called once. */
  closed(): void;
}

export type Method = (call: Call) => CallHandler;

/** A promise: it is not known yet who calls. Nothing of the call is read until then; other calls go on. */
export type GuardedMethod = (call: Call) => CallHandler | Promise<CallHandler>;
