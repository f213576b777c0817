import { readText } from "../base/read-text.ts";
import { escapeOutput } from "../base/text.ts";
import type { Result } from "../model/result.ts";
import { fail, ok } from "../model/result.ts";

export interface AskOptions {
  /** What is typed is not shown: it is a secret. */
  readonly hidden?: boolean;
}

/** A command's view of the process: streams, environment, clock. Tests pass their own. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** True when stdout takes colours. */
  readonly color: boolean;
  /** True when stderr is a screen. */
  readonly errIsScreen: boolean;
  /** Width of the screen, in characters. */
  readonly columns: number;
  /** Milliseconds since the epoch. */
  now(): number;
  /** Writes to stdout: text with everything escaped that would act on a terminal, bytes as they are. */
  out(text: string | Uint8Array): void;
  /** Writes to stderr, escaped likewise. */
  err(text: string): void;
  /** Bytes for stdout or stderr, whichever has more, that its reader has not taken. */
  unread(): number;
  /** The line that a person types after `question`, which goes to stderr; `undefined` where nobody can be asked: stdin or stderr is no screen. */
  ask(question: string, options?: AskOptions): Promise<string | undefined>;
  /** All of stdin as text; fails past `maxBytes`. */
  readInput(maxBytes: number): Promise<Result<string>>;
}

/** Whether a person agrees; `undefined` where nobody can be asked. */
export async function confirm(question: string, terminal: Pick<Terminal, "ask">): Promise<boolean | undefined> {
  const answer = await terminal.ask(`${question} [y/N] `);
  return answer === undefined ? undefined : /^y(es)?$/i.test(answer.trim());
}

/** Width of the text when stdout is not a screen. */
const PIPE_COLUMNS = 100;

export function processTerminal(): Terminal {
  for (const stream of [process.stdout, process.stderr]) stream.on("error", ignoreClosedPipe);
  const color = takesColor(process.env, process.stdout.isTTY === true);
  const errColor = takesColor(process.env, process.stderr.isTTY === true);
  return {
    env: process.env,
    color,
    errIsScreen: process.stderr.isTTY === true,
    columns: process.stdout.columns ?? PIPE_COLUMNS,
    now: () => Date.now(),
    out: (text) => void process.stdout.write(typeof text === "string" ? escapeOutput(text, color) : text),
    err: (text) => void process.stderr.write(escapeOutput(text, errColor)),
    unread: () => Math.max(process.stdout.writableLength, process.stderr.writableLength),
    ask,
    readInput,
  };
}

async function ask(question: string, { hidden = false }: AskOptions = {}): Promise<string | undefined> {
  if (process.stdin.isTTY !== true || process.stderr.isTTY !== true) return undefined;
  const [{ createInterface }, { Writable }] = await Promise.all([import("node:readline/promises"), import("node:stream")]);
  const shown = escapeOutput(question, false);
  if (hidden) process.stderr.write(shown);
  // Readline echoes to its output what is typed.
  const output = hidden ? new Writable({ write: (_part, _encoding, done) => done() }) : process.stderr;
  const lines = createInterface({ input: process.stdin, output, terminal: true });
  // Without a listener readline takes Ctrl-C for the end of the input, and the question would never be answered.
  lines.once("SIGINT", () => {
    process.stderr.write("\n");
    process.exit(130);
  });
  try {
    // The end of the input, Ctrl-D, is an empty answer.
    return await Promise.race([lines.question(hidden ? "" : shown), new Promise<string>((end) => lines.once("close", () => end("")))]);
  } finally {
    lines.close();
    if (hidden) process.stderr.write("\n");
  }
}

/** NO_COLOR wins (https://no-color.org), then FORCE_COLOR (https://force-color.org); else colours are for screens, unless TERM is dumb. */
export function takesColor(env: Terminal["env"], isScreen: boolean): boolean {
  if ((env.NO_COLOR ?? "") !== "") return false;
  if ((env.FORCE_COLOR ?? "") !== "") return env.FORCE_COLOR !== "0" && env.FORCE_COLOR !== "false";
  return isScreen && env.TERM !== "dumb";
}

/** A reader may close the pipe early (`weir get | head -1`): that is not a failure. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
}

async function readInput(maxBytes: number): Promise<Result<string>> {
  const text = await readText(process.stdin, maxBytes);
  return text === undefined ? fail("InputTooLarge", `stdin holds more than ${maxBytes} bytes`) : ok(text);
}
