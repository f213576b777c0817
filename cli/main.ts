import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { closest } from "../base/closest.ts";
import type { Command } from "./args/command.ts";
import { renderCommand, renderGroup, renderOverview } from "./args/help.ts";
import { USAGE } from "./args/usage.ts";
import { SECTIONS } from "./commands/index.ts";
import { processTerminal, type Terminal } from "./terminal.ts";

/** Exit statuses, the same for every command. */
const DONE = 0;
const FAILED = 1;
const WRONG_USAGE = 2;

const COMMANDS: readonly Command[] = SECTIONS.flatMap(({ commands }) => commands);

/** Runs one command line (without `node` and the script) and returns its exit status. */
export async function main(argv: readonly string[], terminal: Terminal): Promise<number> {
  const words = argv[0] === "help" ? [...argv.slice(1), "--help"] : argv;
  const [first] = words;
  if (first === undefined || first === "-h" || first === "--help") {
    // Without a command the help answers a mistake; asked for, it is the result.
    (first === undefined ? terminal.err : terminal.out)(renderOverview(SECTIONS));
    return first === undefined ? WRONG_USAGE : DONE;
  }
  if (first === "--version") return main(["version"], terminal);
  if (first.startsWith("-"))
    return wrongUsage(terminal, "", `the command comes first, then its flags ("${first}" stands before any command)`);
  const group = COMMANDS.filter(({ name }) => name.startsWith(`${first} `));
  return group.length > 0 ? dispatchGroup(first, group, words, terminal) : dispatch(words, terminal);
}

async function dispatch([first = "", ...rest]: readonly string[], terminal: Terminal): Promise<number> {
  const command = COMMANDS.find(({ name }) => name === first);
  if (command !== undefined) return execute(command, rest, terminal);
  const near = closest(
    first,
    COMMANDS.map(({ name }) => name.split(" ")[0] ?? name),
  );
  return wrongUsage(terminal, "", `unknown command "${first}"${near === undefined ? "" : `; did you mean ${near}?`}`);
}

async function dispatchGroup(word: string, group: readonly Command[], words: readonly string[], terminal: Terminal): Promise<number> {
  const [, second, ...rest] = words;
  const command = group.find(({ name }) => name === `${word} ${second}`);
  if (command !== undefined) return execute(command, rest, terminal);
  if (second === "-h" || second === "--help") {
    terminal.out(renderGroup(word, group));
    return DONE;
  }
  const choices = group.map(({ name }) => name.slice(word.length + 1)).join(", ");
  return wrongUsage(
    terminal,
    word,
    second === undefined ? `say what to do: ${choices}` : `unknown command "${word} ${second}"; there is ${choices}`,
  );
}

async function execute(command: Command, argv: readonly string[], terminal: Terminal): Promise<number> {
  const flagsEnd = argv.indexOf("--");
  const flags = flagsEnd < 0 ? argv : argv.slice(0, flagsEnd);
  if (flags.includes("--help") || flags.includes("-h")) {
    terminal.out(renderCommand(command));
    return DONE;
  }
  const result = await command.run(argv, terminal);
  if (result.ok) return DONE;
  if (result.error.reason === USAGE) return wrongUsage(terminal, command.name, result.error.message);
  terminal.err(`weir ${command.name}: ${result.error.message}\n`);
  return FAILED;
}

function wrongUsage(terminal: Terminal, command: string, message: string): number {
  const words = command === "" ? "weir" : `weir ${command}`;
  terminal.err(`${words}: ${message}\nTry \`${words} --help\`.\n`);
  return WRONG_USAGE;
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  process.exitCode = await main(process.argv.slice(2), processTerminal());
}
