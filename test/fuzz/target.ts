/** An input: its parts in order. Most targets have one; for the xDS target each part is a message. */
export type Input = readonly Uint8Array[];

/** A way that bytes from outside take into Weir, as the fuzzer drives it. */
export interface Target {
  readonly name: string;
  /** Paths below the project's folder whose code counts as reached, as prefixes. */
  readonly code: readonly string[];
  /** Where it starts: what the project's tests have. */
  seeds(): Promise<readonly Input[]>;
  /** Tokens of the format: spliced in, so that the mutator need not guess them. */
  readonly words: readonly (string | Uint8Array)[];
  /** Most bytes of an input. */
  readonly maxBytes: number;
  /** Milliseconds of CPU that an input of that size may take, many times what it should. */
  readonly maxMs: number;
  /**
   * Runs an input. Returns in which state it ended (a reason, without what is special to the input). Throws when a promise of the code is broken:
   * that is a fault.
   */
  run(input: Input): Promise<string> | string;
}

/** A text as an input of one part. */
export function textInput(text: string): Input {
  return [Buffer.from(text)];
}

/** A message without what is special to one input: up to the first name, number or list in it. */
export function stateOf(message: string): string {
  return (/^[^"'`:([\d]*/.exec(message)?.[0] ?? "").slice(0, 80);
}
