import { parseArgs } from "node:util";
import { closest } from "../../base/closest.ts";
import type { Result } from "../../model/result.ts";
import { ok } from "../../model/result.ts";
import type { Terminal } from "../terminal.ts";
import { usage } from "./usage.ts";

/** One flag of a command. The same record parses it and prints its help. */
export interface Flag {
  readonly type: "string" | "boolean";
  readonly help: string;
  readonly short?: string;
  /** How the value is called in help, e.g. `DIR`. */
  readonly value?: string;
  readonly multiple?: true;
  /** Environment variable that stands in for an absent flag. */
  readonly env?: string;
  /** Value when neither the flag nor the variable is given. */
  readonly fallback?: string;
  /** The only values allowed. */
  readonly choices?: readonly string[];
}

/** One positional argument; the order of the record is the order on the command line. */
export interface Argument {
  readonly value: string;
  readonly help: string;
  readonly optional?: true;
}

export type Flags = Readonly<Record<string, Flag>>;
export type Arguments = Readonly<Record<string, Argument>>;

type FlagValue<F extends Flag> = F extends { type: "boolean" }
  ? boolean
  : F extends { multiple: true }
    ? readonly string[]
    : F extends { fallback: string }
      ? string
      : string | undefined;
type ArgumentValue<A extends Argument> = A extends { optional: true } ? string | undefined : string;

export type FlagValues<F extends Flags> = { readonly [N in keyof F]: FlagValue<F[N]> };
export type ArgumentValues<A extends Arguments> = { readonly [N in keyof A]: ArgumentValue<A[N]> };

export interface Example {
  readonly command: string;
  readonly does: string;
}

interface Description {
  /** The words after `weir`: `get`, `rollout pause`. */
  readonly name: string;
  /** One line, a verb first, for the list of commands. */
  readonly summary: string;
  /** What it does and what a newcomer must know, in plain sentences. */
  readonly about: string;
  readonly examples: readonly Example[];
}

export interface Definition<F extends Flags, A extends Arguments> extends Description {
  readonly flags: F;
  readonly args: A;
  run(input: { readonly flags: FlagValues<F>; readonly args: ArgumentValues<A> }, terminal: Terminal): Promise<Result<void>>;
}

/** A command with its parsing folded in: what `main` dispatches to and help prints. */
export interface Command extends Description {
  readonly flags: Flags;
  readonly args: Arguments;
  /** Parses `argv` (without the command's own words) and runs. Wrong usage is a failure with reason `Usage`. */
  run(argv: readonly string[], terminal: Terminal): Promise<Result<void>>;
}

export function defineCommand<const F extends Flags, const A extends Arguments>(definition: Definition<F, A>): Command {
  return {
    ...definition,
    async run(argv, terminal) {
      const parsed = parse(definition.flags, definition.args, argv, terminal.env);
      if (!parsed.ok) return parsed;
      return definition.run(parsed.value as { flags: FlagValues<F>; args: ArgumentValues<A> }, terminal);
    },
  };
}

type RawValue = string | boolean | readonly (string | boolean)[] | undefined;
interface Parsed {
  readonly flags: Readonly<Record<string, RawValue>>;
  readonly args: Readonly<Record<string, string | undefined>>;
}

function parse(flags: Flags, args: Arguments, argv: readonly string[], env: Terminal["env"]): Result<Parsed> {
  const raw = split(flags, argv);
  if (!raw.ok) return raw;
  const values: Record<string, RawValue> = {};
  for (const [name, flag] of Object.entries(flags)) {
    const value = raw.value.values[name] ?? absent(flag, env);
    const wrong = check(name, flag, value);
    if (wrong !== undefined) return usage(wrong);
    values[name] = value;
  }
  const placed = place(args, raw.value.positionals);
  return placed.ok ? ok({ flags: values, args: placed.value }) : placed;
}

function split(flags: Flags, argv: readonly string[]): Result<{ values: Record<string, RawValue>; positionals: string[] }> {
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, { type, short, multiple }]) => [
      name,
      { type, ...(short === undefined ? {} : { short }), ...(multiple === undefined ? {} : { multiple }) },
    ]),
  );
  try {
    const { values, positionals } = parseArgs({ args: [...argv], options, allowPositionals: true, strict: true });
    return ok({ values: values as Record<string, RawValue>, positionals });
  } catch (error) {
    return usage(explain(flags, error as Error & { code?: string }));
  }
}

/** parseArgs reports wrong usage by throwing: https://nodejs.org/api/util.html#utilparseargsconfig. Anything else is a bug. */
function explain(flags: Flags, error: Error & { code?: string }): string {
  if (error.code?.startsWith("ERR_PARSE_ARGS") !== true) throw error;
  if (error.code !== "ERR_PARSE_ARGS_UNKNOWN_OPTION") return error.message.replace(/\.\s.*$/s, "").replace(/^Option/, "option");
  const name = /'(--?[^']*)'/.exec(error.message)?.[1] ?? "this option";
  const near = closest(name.replace(/^--?/, ""), Object.keys(flags));
  return `unknown option ${name}${near === undefined ? "" : `; did you mean --${near}?`}`;
}

function absent(flag: Flag, env: Terminal["env"]): RawValue {
  const fromEnv = flag.env === undefined ? undefined : env[flag.env];
  if (fromEnv !== undefined && fromEnv !== "") return fromEnv;
  if (flag.type === "boolean") return false;
  return flag.multiple ? [] : flag.fallback;
}

function check(name: string, flag: Flag, value: RawValue): string | undefined {
  const given = Array.isArray(value) ? value : [value];
  if (given.includes("") && flag.fallback !== "") return `--${name} needs a value${flag.value === undefined ? "" : ` (${flag.value})`}`;
  if (flag.choices === undefined || value === undefined) return undefined;
  const other = given.find((each) => !flag.choices?.includes(String(each)));
  return other === undefined ? undefined : `--${name} is ${flag.choices.join(" or ")}, not "${other}"`;
}

function place(args: Arguments, positionals: readonly string[]): Result<Record<string, string | undefined>> {
  const wanted = Object.entries(args);
  const extra = positionals[wanted.length];
  if (extra !== undefined) return usage(`unexpected argument "${extra}"`);
  const placed: Record<string, string | undefined> = {};
  for (const [index, [name, arg]] of wanted.entries()) {
    const given = positionals[index];
    if (given === undefined && !arg.optional) return usage(`${arg.value} is missing: ${arg.help}`);
    if (given === "") return usage(`${arg.value} is empty: ${arg.help}`);
    placed[name] = given;
  }
  return ok(placed);
}
