import { ok } from "../../model/result.ts";
import { defineCommand } from "../args/command.ts";
import { createFakeTerminal } from "./terminal.ts";

/** A command with every kind of flag and argument. For tests. */
export function tryCommand() {
  let seen: Readonly<Record<string, unknown>> | undefined;
  const command = defineCommand({
    name: "try",
    summary: "Try things",
    about: "Says what it was given.",
    args: { first: { value: "FIRST", help: "the first" }, second: { value: "SECOND", help: "the second", optional: true } },
    flags: {
      name: { type: "string", short: "n", value: "NAME", help: "a name", env: "TRY_NAME", fallback: "nobody" },
      label: { type: "string", multiple: true, value: "K=V", help: "labels" },
      text: { type: "string", value: "TEXT", help: "may be empty", fallback: "" },
      all: { type: "boolean", short: "A", help: "everything" },
      stats: { type: "boolean", help: "count nothing", fallback: true, env: "TRY_STATS" },
      output: { type: "string", short: "o", value: "FORMAT", help: "the format", choices: ["json"], env: "TRY_OUTPUT" },
      mode: { type: "string", help: "how", choices: ["slow", "fast", "both"], fallback: "slow" },
    },
    examples: [{ does: "nothing", command: "weir try x" }],
    async run(input) {
      seen = { ...input.flags, ...input.args };
      return ok(undefined);
    },
  });
  return {
    command,
    /** Runs it. `seen` is what the command got. */
    async run(argv: readonly string[], env: Record<string, string> = {}) {
      seen = undefined;
      const result = await command.run(argv, createFakeTerminal({ env }).terminal);
      return { result, seen };
    },
  };
}
