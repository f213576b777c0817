import type { Command } from "../args/command.ts";
import { firstWords, lookup, secondWords } from "../args/lookup.ts";
import { flagsSoFar, HELP_FLAG, longName, type Split, split, type Value } from "../args/parse.ts";
import type { Argument, Flag, Flags, StringFlag, ValueKind } from "../args/syntax.ts";

/** A word that fits where the cursor is. */
export interface Candidate {
  readonly word: string;
  /** What it means, in one line. Some shells show it beside the word. */
  readonly help: string;
}

export interface Completion {
  readonly candidates: readonly Candidate[];
  /** Paths that the shell adds by itself. */
  readonly paths: "none" | "file" | "folder";
}

/** Kinds of values that only the fleet knows. */
export type NamedKind = Exclude<ValueKind, "file" | "folder">;

/** What stands on the line before the cursor: it says in which fleet to look for names. */
export interface LineSoFar {
  readonly flags: Readonly<Record<string, Value>>;
  readonly args: readonly string[];
}

/** Gives the names of a kind, or none if they cannot be read. Never fails. */
export type FindNames = (kind: NamedKind, line: LineSoFar) => Promise<readonly Candidate[]>;

export interface CompletionContext {
  readonly commands: readonly Command[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly findNames: FindNames;
}

const NOTHING: Completion = { candidates: [], paths: "none" };
const HELP_WORDS: readonly Candidate[] = [
  { word: "--help", help: "show help" },
  { word: "--version", help: "print the version" },
];

/** Completes the last of `words`. `words` are those after `weir`, up to the cursor; after a blank the last one is empty. */
export async function complete(words: readonly string[], context: CompletionContext): Promise<Completion> {
  const { commands } = context;
  const before = words.slice(0, -1);
  const current = words.at(-1) ?? "";
  if (before[0] === "help") return matching(helpTopics(commands, before.slice(1)), current);
  const [first] = before;
  if (first === undefined) {
    const topics = [...helpTopics(commands, []), { word: "help", help: "tell about a command" }];
    return matching(current.startsWith("-") ? HELP_WORDS : topics, current);
  }
  if (first.startsWith("-")) return NOTHING;
  const found = lookup(commands, before);
  if (found.kind === "unknown") return NOTHING;
  if (found.kind === "group") return found.rest.length > 0 ? NOTHING : matching(helpTopics(commands, [found.word]), current);
  return completeCommand(found.command, found.rest, current, context);
}

/** The words that can follow `words` in the name of a command. */
function helpTopics(commands: readonly Command[], words: readonly string[]): readonly Candidate[] {
  if (words.length === 0) {
    return firstWords(commands).map((word) => {
      const members = commands.filter(({ name }) => name.startsWith(`${word} `));
      const single = commands.find(({ name }) => name === word);
      return { word, help: single?.summary ?? secondWords(members).join(", ") };
    });
  }
  const found = lookup(commands, words);
  if (found.kind === "command" && found.rest.length === 0) return subcommands(commands, found.command);
  if (found.kind !== "group" || found.rest.length > 0) return [];
  return found.commands.map(({ name, summary }, index) => ({ word: secondWords(found.commands)[index] ?? name, help: summary }));
}

async function completeCommand(
  command: Command,
  before: readonly string[],
  current: string,
  context: CompletionContext,
): Promise<Completion> {
  const words = split(command.flags, before);
  const line: LineSoFar = { flags: flagsSoFar(command.flags, words.flags, context.env), args: words.positionals };
  const valuesOf = (taker: StringFlag | Argument, typed: string, lead = "") => values(taker, typed, lead, line, context.findNames);
  const pending = pendingFlag(command.flags, words);
  if (pending !== undefined) return valuesOf(pending, current);
  if (!words.ended && current.startsWith("-") && current !== "-") {
    const [, name = "", typed] = /^--([^=]+)=(.*)$/s.exec(current) ?? [];
    const flag = command.flags[name];
    if (typed === undefined) return matching(flagCandidates(command.flags, words), current);
    return flag?.type === "string" ? valuesOf(flag, typed, `--${name}=`) : NOTHING;
  }
  const args = Object.values(command.args);
  const argument = args[words.positionals.length] ?? args.findLast(({ multiple }) => multiple);
  if (argument !== undefined && current !== "-") {
    const found = await valuesOf(argument, current);
    const nested = before.length === 0 ? matching(subcommands(context.commands, command), current).candidates : [];
    return { ...found, candidates: [...found.candidates, ...nested] };
  }
  return words.ended ? NOTHING : matching(flagCandidates(command.flags, words), current);
}

/** The commands that have this one's name as their first word. */
function subcommands(commands: readonly Command[], { name }: Command): readonly Candidate[] {
  const members = commands.filter((each) => each.name.startsWith(`${name} `));
  return secondWords(members).map((word, index) => ({ word, help: members[index]?.summary ?? "" }));
}

/** The flag whose value is being typed. */
function pendingFlag(flags: Flags, { flags: given, ended }: Split): StringFlag | undefined {
  const last = given.at(-1);
  const flag = last === undefined || ended || last.value !== undefined ? undefined : flags[last.name];
  return flag?.type === "string" && flag.bare === undefined ? flag : undefined;
}

async function values(
  taker: StringFlag | Argument,
  typed: string,
  lead: string,
  line: LineSoFar,
  findNames: FindNames,
): Promise<Completion> {
  const { choices, completes } = taker;
  if (choices === undefined && (completes === "file" || completes === "folder")) return { candidates: [], paths: completes };
  const all =
    choices?.map((word) => ({ word, help: "" })) ?? (completes === undefined ? [] : await findNames(completes as NamedKind, line));
  const { candidates } = matching(all, typed);
  return { candidates: candidates.map(({ word, help }) => ({ word: `${lead}${word}`, help })), paths: "none" };
}

/** Flags that were not given yet, or may be repeated; required ones first. */
function flagCandidates(flags: Flags, { flags: given }: Split): readonly Candidate[] {
  const known: [string, Flag][] = [...Object.entries(flags), ["help", HELP_FLAG]];
  const open = known.filter(([name, flag]) => isRepeatable(flag) || !given.some((each) => each.name.replace(/^no-/, "") === name));
  const required = open.filter(([, flag]) => isRequired(flag));
  return [...required, ...open.filter(([, flag]) => !isRequired(flag))].map(([name, flag]) => ({
    word: longName(name, flag),
    help: flag.help,
  }));
}

function isRepeatable(flag: Flag): boolean {
  return flag.type === "string" && flag.multiple === true;
}

function isRequired(flag: Flag): boolean {
  return flag.type === "string" && flag.required === true;
}

function matching(candidates: readonly Candidate[], typed: string): Completion {
  return { candidates: candidates.filter(({ word }) => word.startsWith(typed)), paths: "none" };
}
