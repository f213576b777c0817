import { ok } from "../../model/result.ts";
import type { Terminal } from "../terminal.ts";

/** A terminal that records what is written. For tests. */
export function createFakeTerminal(
  given: {
    readonly env?: Record<string, string>;
    readonly input?: string;
    readonly now?: number;
    readonly columns?: number;
    /** What is typed to questions, in order; without it nobody can be asked. */
    readonly answers?: readonly string[];
  } = {},
) {
  const written = { out: "", err: "" };
  const answers = [...(given.answers ?? [])];
  const terminal: Terminal = {
    env: given.env ?? {},
    color: false,
    unread: () => 0,
    errIsScreen: false,
    columns: given.columns ?? 100,
    now: () => given.now ?? 0,
    out(text) {
      written.out += typeof text === "string" ? text : Buffer.from(text).toString("latin1");
    },
    err(text) {
      written.err += text;
    },
    async ask(question) {
      written.err += question;
      return answers.shift();
    },
    readInput: async () => ok(given.input ?? ""),
  };
  return { terminal, written };
}
