import type { Result } from "../../model/result.ts";
import type { Command, Ran } from "../process/run.ts";
import type { Goal, Project } from "../project/project.ts";

/** Where compilers are looked for. */
export interface Machine {
  /** The environment of the compiler: see `outsideNpm`. */
  readonly env: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

/** One run of a compiler. */
export interface Job {
  readonly project: Project;
  /** Where the module is to be written. */
  readonly output: string;
  /** `undefined`: as the language has it. */
  readonly goal: Goal | undefined;
  /** The module has the names of its functions. It may have them anyway: they are stripped after. */
  readonly keepNames: boolean;
}

/** What a compiler left. */
export interface Compiled {
  /** Where the module is. */
  readonly module: string;
  /** What the compiler said, without its progress: its errors, or its warnings. */
  readonly words: string;
}

/** A compiler that was found on this machine, new enough. */
export interface Toolchain {
  /** With its version, for people: `Go 1.26.8`. */
  readonly title: string;
  /** Whether binaryen's pass follows, where one is asked for. The compiler of AssemblyScript makes it itself. */
  readonly isOptimizing: boolean;
  command(job: Job): Promise<Result<Command>>;
  /** Reads what the command left, whatever its exit status. */
  read(ran: Ran, job: Job): Compiled;
}

/** Finds the compiler for a project. Messages say what to install, and how. */
export type FindToolchain = (project: Project, machine: Machine) => Promise<Result<Toolchain>>;
