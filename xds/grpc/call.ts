import type { Headers } from "./hpack.ts";
import type { Message } from "./message.ts";

/** One call, seen from the server. */
export interface Call {
  readonly headers: Headers;
  /** Sends a message, which must not change afterwards. False: hold back until `drained` is called. */
  send(message: Message): boolean;
  /** Ends the call with this status; nothing is sent or received after it. Safe to call again. */
  end(code: number, message?: string): void;
}

/** What a method does with a call. */
export interface CallHandler {
  message(bytes: Buffer): void;
  drained?(): void;
  /** The client sends no more. */
  halfClosed(): void;
  /** The call is over, whoever ended it. Called once. */
  closed(): void;
}

export type Method = (call: Call) => CallHandler;
