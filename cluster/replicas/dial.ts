/** A call to a peer, as the caller has it. */
export interface DialedCall {
  /** False: hold back until `drained` is called. */
  write(message: Uint8Array): boolean;
  /** Breaks the call off. */
  end(): void;
  /** Ends the call once what was written is sent. */
  finish(): void;
}

export interface DialedHandler {
  message(bytes: Uint8Array): void;
  drained(): void;
  /** The call is over, whoever ended it; called once. `why`: for the log. */
  closed(why: string): void;
}

/** Calls this method (`JOIN`, `GET`) at `host:port`. Never throws: what fails closes the call. */
export type Dial = (address: string, method: string, handler: DialedHandler) => DialedCall;
