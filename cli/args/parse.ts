import { parseArgs } from "node:util";
import { closest } from "../../base/closest.ts";
import { ok, type Result } from "../../model/result.ts";
import type { Argument, Arguments, Flag, Flags, StringFlag, Syntax } from "./syntax.ts";
import { usage } from "./usage.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export type Value = string | boolean | readonly string[] | undefined;

export interface Parsed {
  readonly flags: Readonly<Record<string, Value>>;
  readonly args: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** A flag as it was given, in order. */
export interface GivenFlag {
  /** As it was typed: `--output`, `-o`. */
  readonly raw: string;
  /** The long name, `no-` included. */
  readonly name: string;
  readonly value: string | undefined;
  /** True for `--name=value` and `-nvalue`. */
  readonly inline: boolean;
}

/** A command line in parts, before anything is checked. */
export interface Split {
  readonly flags: readonly GivenFlag[];
  readonly positionals: readonly string[];
  /** True when `--` was among the words: everything after it is an argument. */
  readonly ended: boolean;
}

/** The flag that every command has. */
export const HELP_FLAG = { type: "boolean", short: "h", help: "show this help" } as const satisfies Flag;

/** The flag's name as it is typed: `--output`, or `--no-stats` for one that is on by default. */
export function longName(name: string, flag: Flag): string {
  return flag.type === "boolean" && flag.fallback === true ? `--no-${name}` : `--${name}`;
}

/** `json`; `closed or open`; `bash, zsh or fish`. */
export function oneOf(choices: readonly string[]): string {
  return choices.length < 2 ? choices.join("") : `${choices.slice(0, -1).join(", ")} or ${choices.at(-1)}`;
}

/** True if the words ask for help: by `-h` or `--help`, alone or combined with others (`-Ah`). */
export function asksForHelp(flags: Flags, argv: readonly string[]): boolean {
  return split(flags, argv).flags.some(({ name }) => name === "help");
}

/**
 * Splits words as POSIX and GNU do (`--name value`, `--name=value`, `-n value`, `-nvalue`, `-An value`, `--`). Accepts everything.
 * https://nodejs.org/api/util.html#utilparseargsconfig
 */
export function split(flags: Flags, argv: readonly string[]): Split {
  const options: Record<string, { type: Flag["type"]; short?: string }> = {};
  for (const [name, flag] of Object.entries<Flag>({ ...flags, help: HELP_FLAG })) {
    // What may stand without a value takes one only as `--name=value`, as a flag without values does.
    const type = flag.type === "string" && flag.bare !== undefined ? "boolean" : flag.type;
    options[name] = flag.short === undefined ? { type } : { type, short: flag.short };
  }
  // Not strict: mistakes get messages of our own, and completion reads incomplete lines.
  const { tokens } = parseArgs({ args: [...argv], options, allowPositionals: true, strict: false, tokens: true });
  const given: GivenFlag[] = [];
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind === "option") {
      given.push({ raw: token.rawName, name: token.name, value: token.value, inline: token.inlineValue === true });
    }
  }
  return { flags: given, positionals, ended: tokens.some(({ kind }) => kind === "option-terminator") };
}

/** Parses a command's words. A mistake is a failure of reason `Usage`, with the message for the person who typed it. */
export function parse(syntax: Syntax, argv: readonly string[], env: Environment): Result<Parsed> {
  const words = split(syntax.flags, argv);
  const given = collect(syntax.flags, words.flags);
  if (!given.ok) return given;
  const flags: Record<string, Value> = {};
  for (const [name, flag] of Object.entries(syntax.flags)) {
    const value = given.value.get(name);
    const read = value === undefined ? absent(name, flag, env) : checked(`--${name}`, flag, value);
    if (!read.ok) return read;
    flags[name] = read.value;
  }
  const args = place(syntax.args, words.positionals);
  return args.ok ? ok({ flags, args: args.value }) : args;
}

/** The values of the flags given so far, with variables and fallbacks. Flags that are wrong or incomplete are left out. For completion. */
export function flagsSoFar(flags: Flags, given: readonly GivenFlag[], env: Environment): Readonly<Record<string, Value>> {
  const values: Record<string, Value> = {};
  for (const [name, flag] of Object.entries(flags)) {
    const own = given.filter((each) => each.name === name && each.value !== undefined);
    const value = collect({ [name]: flag }, own);
    const read = value.ok && value.value.has(name) ? ok(value.value.get(name)) : absent(name, flag, env);
    values[name] = read.ok ? read.value : undefined;
  }
  return values;
}

/** The flags by name, each with its last value, or with all values if it may be repeated. */
function collect(flags: Flags, given: readonly GivenFlag[]): Result<ReadonlyMap<string, Value>> {
  const values = new Map<string, Value>();
  for (const each of given) {
    const { name, on } = canonical(flags, each.name);
    const flag = flags[name];
    if (flag === undefined) return usage(unknown(flags, each.raw));
    if (flag.type === "boolean") {
      if (each.value !== undefined) return usage(`${each.raw} takes no value, but "${each.value}" is given`);
      values.set(name, on);
      continue;
    }
    const value = each.value === undefined && flag.bare !== undefined ? ok(flag.bare) : readValue(name, flag, each);
    if (!value.ok) return value;
    const before = values.get(name);
    values.set(name, flag.multiple ? [...(Array.isArray(before) ? before : []), value.value] : value.value);
  }
  return ok(values);
}

/** `no-stats` turns off `stats`, if that is on by default. */
function canonical(flags: Flags, typed: string): { readonly name: string; readonly on: boolean } {
  const name = typed.replace(/^no-/, "");
  const flag = flags[name];
  return name !== typed && flag?.type === "boolean" && flag.fallback === true ? { name, on: false } : { name: typed, on: true };
}

function unknown(flags: Flags, raw: string): string {
  const names = Object.entries(flags).map(([name, flag]) => longName(name, flag).slice(2));
  const near = raw.startsWith("--") ? closest(raw.slice(2), [...names, "help"]) : undefined;
  return `unknown flag ${raw}${near === undefined ? "" : `; did you mean --${near}?`}`;
}

function readValue(name: string, flag: StringFlag, { value, inline }: GivenFlag): Result<string> {
  const looksLikeFlag = value !== undefined && !inline && value.length > 1 && value.startsWith("-");
  if (looksLikeFlag) return usage(`${needsValue(name, flag)}; one that begins with a dash is written --${name}=${value}`);
  return value === undefined || (value === "" && flag.fallback !== "") ? usage(needsValue(name, flag)) : ok(value);
}

function needsValue(name: string, flag: StringFlag): string {
  return `--${name} needs a value${flag.value === undefined ? "" : ` (${flag.value})`}`;
}

/** The value of a flag that was not given: its variable, else its fallback. An empty variable counts as unset. */
function absent(name: string, flag: Flag, env: Environment): Result<Value> {
  const variable = flag.env === undefined ? undefined : env[flag.env];
  if (variable !== undefined && variable !== "") return fromVariable(`$${flag.env}`, flag, variable);
  if (flag.type === "boolean") return ok(flag.fallback === true);
  if (flag.required) return usage(`${flag.short === undefined ? `--${name}` : `-${flag.short}`} is missing: ${flag.help}`);
  return ok(flag.multiple ? [] : flag.fallback);
}

function fromVariable(source: string, flag: Flag, text: string): Result<Value> {
  if (flag.type === "string") return checked(source, flag, flag.multiple ? [text] : text);
  if (text === "true" || text === "1") return ok(true);
  if (text === "false" || text === "0") return ok(false);
  return usage(`${source} is true or false, not "${text}"`);
}

function checked(source: string, flag: Flag, value: Value): Result<Value> {
  const choices = flag.type === "string" ? flag.choices : undefined;
  if (choices === undefined) return ok(value);
  const wrong = (Array.isArray(value) ? value : [value]).find((each) => !choices.includes(String(each)));
  return wrong === undefined ? ok(value) : usage(`${source} is ${oneOf(choices)}, not "${wrong}"`);
}

function place(args: Arguments, positionals: readonly string[]): Result<Parsed["args"]> {
  const wanted = Object.entries(args);
  const extra = positionals[wanted.length];
  if (extra !== undefined && wanted.at(-1)?.[1].multiple !== true) return usage(`unexpected argument "${extra}"`);
  const placed: Record<string, string | readonly string[] | undefined> = {};
  for (const [index, [name, arg]] of wanted.entries()) {
    const given = arg.multiple ? positionals.slice(index) : positionals.slice(index, index + 1);
    const wrong =
      given.length === 0
        ? argumentProblem(arg, undefined)
        : given.map((each) => argumentProblem(arg, each)).find((each) => each !== undefined);
    if (wrong !== undefined) return usage(wrong);
    placed[name] = arg.multiple ? given : given[0];
  }
  return ok(placed);
}

function argumentProblem(arg: Argument, given: string | undefined): string | undefined {
  if (given === undefined) return arg.optional ? undefined : `${arg.value} is missing: ${arg.help}`;
  if (given === "") return `${arg.value} is empty: ${arg.help}`;
  if (arg.choices === undefined || arg.choices.includes(given)) return undefined;
  return `${arg.value} is ${oneOf(arg.choices)}, not "${given}"`;
}
