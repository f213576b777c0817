import type { Result } from "../../model/result.ts";
import type { Terminal } from "../terminal.ts";
import { parse } from "./parse.ts";
import type { Arguments, ArgumentValues, Flags, FlagValues } from "./syntax.ts";

export interface Example {
  readonly command: string;
  readonly does: string;
}

interface Description {
  /** The words after `weir`: `get`, `rollout pause`. */
  readonly name: string;
  /** Other last words that it answers to, as kubectl has plurals and short names of a kind. */
  readonly aliases?: readonly string[];
  /** One line, a verb first, for the list of commands. */
  readonly summary: string;
  /** What it does and what a newcomer needs to know, in plain sentences. */
  readonly about: string;
  readonly examples: readonly Example[];
}

export interface Definition<F extends Flags, A extends Arguments> extends Description {
  readonly flags: F;
  readonly args: A;
  /** The value is the exit status, where the command has one of its own for what it found; else 0. */
  run(
    input: { readonly flags: FlagValues<F>; readonly args: ArgumentValues<A> },
    terminal: Terminal,
  ): Promise<Result<void> | Result<number>>;
}

/** A command that parses its own words: `main` dispatches to it; help, completion and the reference describe it. */
export interface Command extends Description {
  readonly flags: Flags;
  readonly args: Arguments;
  /** Parses `argv` (without the command's own words) and runs. Wrong usage is a failure with reason `Usage`. */
  run(argv: readonly string[], terminal: Terminal): Promise<Result<void> | Result<number>>;
}

/** Commands under one heading of `weir --help`. */
export interface Section {
  readonly title: string;
  /** What no person runs by hand: `weir --help` and completion leave it out; docs/cli.md and `weir COMMAND --help` tell of it. */
  readonly isHidden?: boolean;
  readonly commands: readonly Command[];
}

export function defineCommand<const F extends Flags, const A extends Arguments>(definition: Definition<F, A>): Command {
  return {
    ...definition,
    async run(argv, terminal) {
      const parsed = parse(definition, argv, terminal.env);
      if (!parsed.ok) return parsed;
      return definition.run(parsed.value as { flags: FlagValues<F>; args: ArgumentValues<A> }, terminal);
    },
  };
}
