import { createHash } from "node:crypto";
import { messageOf } from "../../base/error.ts";
import { Coverage } from "./coverage.ts";
import { mutate, Random } from "./mutate.ts";
import type { Input, Target } from "./target.ts";

export interface Fault {
  readonly message: string;
  readonly input: Input;
}

/** What a run did and found. */
export interface Outcome {
  readonly target: string;
  readonly seed: number;
  readonly tried: number;
  /** Lines of code and end states that the tests' own inputs reach, and those that were reached in the end. */
  readonly seeded: Reached;
  readonly reached: Reached;
  readonly faults: readonly Fault[];
  /** Inputs that reached something new, smallest first: worth keeping. */
  readonly grown: readonly Input[];
}

export interface Reached {
  readonly lines: number;
  readonly states: number;
}

export interface FuzzOptions {
  readonly seed: number;
  readonly ms: number;
  /** Inputs that earlier runs kept. */
  readonly kept: readonly Input[];
  /** Told of each input before it runs, so that one that never ends can be named. */
  readonly trying: (input: Input) => void;
}

/** Inputs between two looks at the coverage, which cost more than many an input. */
const BATCH = 32;
/** One fault of each kind is enough, and so many kinds. */
const MAX_FAULTS = 8;
/** States are words without numbers, but a target may err. */
const MAX_STATES = 2_000;
/** An input that was slow once may have met a compiler at work: the fastest of so many counts. */
const SLOW_TRIES = 4;

/** Mutates inputs that reached new code, until the time is over. Coverage-guided, as libFuzzer is: https://llvm.org/docs/LibFuzzer.html */
export async function fuzz(target: Target, options: FuzzOptions): Promise<Outcome> {
  const run = new Run(target, options);
  await run.start();
  await run.grow();
  return run.outcome();
}

class Run {
  private readonly target: Target;
  private readonly options: FuzzOptions;
  private readonly random: Random;
  private readonly words: readonly Uint8Array[];
  private readonly coverage: Coverage;
  private readonly corpus: Input[] = [];
  private readonly grown: Input[] = [];
  private readonly states = new Set<string>();
  private readonly faults = new Map<string, Fault>();
  private seeded: Reached = { lines: 0, states: 0 };
  private tried = 0;

  constructor(target: Target, options: FuzzOptions) {
    this.target = target;
    this.options = options;
    this.random = new Random(options.seed);
    this.words = target.words.map((word) => (typeof word === "string" ? Buffer.from(word) : word));
    this.coverage = new Coverage(target.code);
  }

  /** The seeds, then what was kept. */
  async start(): Promise<void> {
    for (const input of await this.target.seeds()) {
      this.corpus.push(input);
      await this.try(input);
    }
    this.coverage.advance(true);
    this.seeded = this.reached();
    await this.batch(this.options.kept);
  }

  async grow(): Promise<void> {
    const end = performance.now() + this.options.ms;
    while (performance.now() < end && this.faults.size < MAX_FAULTS) await this.batch(Array.from({ length: BATCH }, () => this.next()));
  }

  outcome(): Outcome {
    const { seeded, tried } = this;
    const grown = this.grown.toSorted((a, b) => sizeOf(a) - sizeOf(b));
    return {
      ...{ target: this.target.name, seed: this.options.seed, tried, seeded },
      ...{ reached: this.reached(), faults: [...this.faults.values()], grown },
    };
  }

  private next(): Input {
    const { random, corpus, words, target } = this;
    // Half of the time from the newest: they stand at the edge of what was reached.
    const recent = random.below(2) === 0 ? corpus.slice(-16) : corpus;
    const made = mutate(random.pick(recent), { random, words, maxBytes: target.maxBytes, other: () => random.pick(corpus) });
    return made;
  }

  /** Runs them all, and each again by itself when something new was reached, to learn which did. */
  private async batch(inputs: readonly Input[]): Promise<void> {
    const worth = new Set<Input>();
    for (const input of inputs) if (await this.try(input)) worth.add(input);
    if (this.coverage.advance(false)) {
      for (const input of inputs) {
        await this.try(input);
        if (this.coverage.advance(true)) worth.add(input);
      }
    }
    this.corpus.push(...worth);
    this.grown.push(...worth);
  }

  /** True when it ended in a state that is new. */
  private async try(input: Input): Promise<boolean> {
    this.options.trying(input);
    this.tried += 1;
    const start = cpuMs();
    let state: string;
    try {
      state = await this.target.run(input);
    } catch (error) {
      this.fault(`${messageOf(error)}\n${stackOf(error)}`, input);
      return false;
    }
    if (cpuMs() - start > this.target.maxMs) await this.slow(input);
    if (this.states.has(state) || this.states.size >= MAX_STATES) return false;
    this.states.add(state);
    return true;
  }

  private async slow(input: Input): Promise<void> {
    let least = Number.POSITIVE_INFINITY;
    for (let left = SLOW_TRIES; left > 0; left -= 1) {
      const start = cpuMs();
      await this.target.run(input);
      least = Math.min(least, cpuMs() - start);
    }
    if (least > this.target.maxMs)
      this.fault(`${sizeOf(input)} bytes take ${Math.round(least)} ms of CPU, more than ${this.target.maxMs} ms`, input);
  }

  private fault(message: string, input: Input): void {
    const kind = message.replaceAll(/\d+/g, "#").slice(0, 300);
    const known = this.faults.get(kind);
    if (known === undefined || sizeOf(input) < sizeOf(known.input)) this.faults.set(kind, { message, input });
  }

  private reached(): Reached {
    return { lines: this.coverage.lines(), states: this.states.size };
  }
}

/** Milliseconds that the process has computed. On a busy machine time passes without. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** The first line of the project's own code in a stack. */
function stackOf(error: unknown): string {
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  return stack.split("\n").find((line) => line.includes(".ts:")) ?? "";
}

export function sizeOf(input: Input): number {
  return input.reduce((sum, part) => sum + part.length, 0);
}

/** A short name for an input. */
export function nameOf(input: Input): string {
  const hash = createHash("sha256");
  for (const part of input) hash.update(`${part.length}:`).update(part);
  return hash.digest("hex").slice(0, 12);
}
