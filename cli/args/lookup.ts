import { closest } from "../../base/closest.ts";
import type { Command } from "./command.ts";

/** What the first words of a command line stand for. */
export type Found =
  | { readonly kind: "command"; readonly command: Command; readonly rest: readonly string[] }
  /** Commands that share a first word: `rollout pause`, `rollout resume`. */
  | { readonly kind: "group"; readonly word: string; readonly commands: readonly Command[]; readonly rest: readonly string[] }
  | { readonly kind: "unknown"; readonly message: string };

/** Finds the command that `words` begin with. `words` has at least one word, and no flag comes first. */
export function lookup(commands: readonly Command[], words: readonly string[]): Found {
  const [first = "", second] = words;
  const group = commands.filter(({ name }) => name.startsWith(`${first} `));
  const member = group.find(({ name, aliases = [] }) =>
    [name, ...aliases.map((alias) => `${first} ${alias}`)].includes(`${first} ${second}`),
  );
  if (member !== undefined) return { kind: "command", command: member, rest: words.slice(2) };
  // `get` is a command, and `get wasmpolicies` another.
  const single = commands.find(({ name }) => name === first);
  if (single !== undefined) return { kind: "command", command: single, rest: words.slice(1) };
  if (group.length === 0) return { kind: "unknown", message: unknown(first, firstWords(commands)) };
  return { kind: "group", word: first, commands: group, rest: words.slice(1) };
}

/** The words that can come first, each once. */
export function firstWords(commands: readonly Command[]): readonly string[] {
  return [...new Set(commands.map(({ name }) => name.split(" ", 1)[0] ?? name))];
}

/** The words that can come second in a group. */
export function secondWords(commands: readonly Command[]): readonly string[] {
  return commands.map(({ name }) => name.slice(name.indexOf(" ") + 1));
}

/** `unknown command "gte"; did you mean get?` */
export function unknown(word: string, candidates: readonly string[], group = ""): string {
  const near = closest(word, candidates);
  const typed = group === "" ? word : `${group} ${word}`;
  if (near !== undefined) return `unknown command "${typed}"; did you mean ${near}?`;
  return group === "" ? `unknown command "${typed}"` : `unknown command "${typed}"; there is ${candidates.join(", ")}`;
}
