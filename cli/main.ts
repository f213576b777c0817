import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { oneLine } from "../base/text.ts";
import type { Command } from "./args/command.ts";
import { renderCommand, renderGroup, renderOverview } from "./args/help.ts";
import { lookup, secondWords, unknown } from "./args/lookup.ts";
import { asksForHelp } from "./args/parse.ts";
import { USAGE } from "./args/usage.ts";
import { SECTIONS } from "./commands/index.ts";
import { complete } from "./completion/complete.ts";
import { createFindNames } from "./completion/names.ts";
import { processTerminal, type Terminal } from "./terminal.ts";

/** Exit statuses, the same for every command; one that compares has a third (its help says so). */
const DONE = 0;
const FAILED = 1;
const WRONG_USAGE = 2;

const COMMANDS: readonly Command[] = SECTIONS.flatMap(({ commands }) => commands);
const SHOWN: readonly Command[] = SECTIONS.filter(({ isHidden }) => !isHidden).flatMap(({ commands }) => commands);
/** Hidden: what the scripts of `weir completion` call, with the words up to the cursor. */
const COMPLETE = "__complete";
const isHelp = (word: string | undefined) => word === "help" || word === "-h" || word === "--help";

/** Runs one command line (without `node` and the script) and returns its exit status. Results go to stdout, everything else to stderr. */
export async function main(argv: readonly string[], terminal: Terminal): Promise<number> {
  const [first, ...rest] = argv;
  if (first === undefined) {
    // Here the help answers a mistake, so it goes to stderr.
    terminal.err(renderOverview(SECTIONS, terminal.columns));
    return WRONG_USAGE;
  }
  if (first === COMPLETE) return answerShell(rest, terminal);
  if (isHelp(first)) return help(rest, terminal);
  if (first === "-V" || first === "--version") return main(["version"], terminal);
  if (first.startsWith("-"))
    return wrongUsage(terminal, "", `the command comes first, then its flags ("${first}" stands before any command)`);
  const found = lookup(COMMANDS, argv);
  if (found.kind === "command") return execute(found.command, found.rest, terminal);
  if (found.kind === "unknown") return wrongUsage(terminal, "", found.message);
  const [second] = found.rest;
  if (isHelp(second)) return help([found.word], terminal);
  const choices = secondWords(found.commands);
  const message = second === undefined ? `say what to do: ${choices.join(", ")}` : unknown(second, choices, found.word);
  return wrongUsage(terminal, found.word, message);
}

/** `weir help WORDS`: help on the command or group that the words name. */
function help(words: readonly string[], terminal: Terminal): number {
  if (words.length === 0) {
    terminal.out(renderOverview(SECTIONS, terminal.columns));
    return DONE;
  }
  const found = lookup(COMMANDS, words);
  if (found.kind === "unknown") return wrongUsage(terminal, "", found.message);
  const [second] = found.rest;
  if (found.kind === "group" && second !== undefined)
    return wrongUsage(terminal, found.word, unknown(second, secondWords(found.commands), found.word));
  terminal.out(
    found.kind === "command" ? renderCommand(found.command, terminal.columns) : renderGroup(found.word, found.commands, terminal.columns),
  );
  return DONE;
}

/** Prints a candidate a line (word, tab, help), then `:file` or `:folder` if the shell should add paths. Never reports an error. */
async function answerShell(words: readonly string[], terminal: Terminal): Promise<number> {
  const { candidates, paths } = await complete(words, { commands: SHOWN, env: terminal.env, findNames: createFindNames(terminal.env) });
  for (const { word, help: means } of candidates) terminal.out(`${word}\t${means}\n`);
  if (paths !== "none") terminal.out(`:${paths}\n`);
  return DONE;
}

async function execute(command: Command, argv: readonly string[], terminal: Terminal): Promise<number> {
  if (asksForHelp(command.flags, argv)) {
    terminal.out(renderCommand(command, terminal.columns));
    return DONE;
  }
  const result = await command.run(argv, terminal);
  if (result.ok) return result.value ?? DONE;
  if (result.error.reason === USAGE) return wrongUsage(terminal, command.name, result.error.message);
  terminal.err(`error: ${oneLine(result.error.message)}\n`);
  return FAILED;
}

function wrongUsage(terminal: Terminal, command: string, message: string): number {
  terminal.err(`error: ${message}\nhint: see \`weir ${command === "" ? "" : `${command} `}--help\`\n`);
  return WRONG_USAGE;
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const argv = process.argv.slice(2);
  process.exitCode = await main(argv, processTerminal());
  // Requests that are still open must not keep the shell waiting.
  if (argv[0] === COMPLETE) process.exit();
}
