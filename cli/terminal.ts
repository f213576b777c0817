import type { Result } from "../model/result.ts";
import { fail, ok } from "../model/result.ts";

/** What a command sees of the world it was started in. Tests hand in their own. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** True when stdout is a screen that takes colours (https://no-color.org is honoured). */
  readonly color: boolean;
  /** True when stderr is a screen. */
  readonly errIsScreen: boolean;
  /** Milliseconds since the epoch. */
  now(): number;
  /** Writes to stdout as it is. */
  out(text: string | Uint8Array): void;
  /** Writes to stderr as it is. */
  err(text: string): void;
  /** All of stdin as text; fails past `maxBytes`. */
  readInput(maxBytes: number): Promise<Result<string>>;
}

export function processTerminal(): Terminal {
  // A reader that left (`weir get | head`) is no failure of ours.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
  return {
    env: process.env,
    color: process.stdout.isTTY === true && (process.env.NO_COLOR ?? "") === "" && process.env.TERM !== "dumb",
    errIsScreen: process.stderr.isTTY === true,
    now: () => Date.now(),
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    readInput,
  };
}

async function readInput(maxBytes: number): Promise<Result<string>> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin) {
    chunks.push(chunk as Buffer);
    size += (chunk as Buffer).length;
    if (size > maxBytes) return fail("InputTooLarge", `stdin holds more than ${maxBytes} bytes`);
  }
  return ok(Buffer.concat(chunks).toString("utf8"));
}
