import type { LogLine } from "../../../preflight/index.ts";

/** How far the filter of a case came. */
export interface Reached {
  /** The line of the step; 0: the start. */
  readonly line: number;
  /** The callback that began last. Empty: none. */
  readonly callback: string;
  /** The newest lines of its log. */
  readonly logs: readonly LogLine[];
}

/** Bytes of a callback's name, and of the log. */
const NAME_SIZE = 256;
const LOG_SIZE = 64 * 1024;
/** Characters of a log line. */
const MAX_LINE = 1024;
/** The line of the step, and how many bytes the name and the log have. */
const [STEP, NAME, LOG, NUMBERS] = [0, 1, 2, 3];

/**
 * Memory that the thread of the cases shares with the main thread: what it says of how far it came can be read once it was ended. It writes as it goes, and the
 * main thread reads when nothing writes any more.
 */
export class Whereabouts {
  readonly memory: SharedArrayBuffer;
  private readonly numbers: Int32Array;
  private readonly name: Buffer;
  private readonly log: Buffer;

  constructor(memory = new SharedArrayBuffer(NUMBERS * 4 + NAME_SIZE + LOG_SIZE)) {
    this.memory = memory;
    this.numbers = new Int32Array(memory, 0, NUMBERS);
    this.name = Buffer.from(memory, NUMBERS * 4, NAME_SIZE);
    this.log = Buffer.from(memory, NUMBERS * 4 + NAME_SIZE, LOG_SIZE);
  }

  /** A case begins. */
  reset(): void {
    this.numbers.fill(0);
  }

  atStep(line: number): void {
    this.numbers[STEP] = line;
  }

  atCallback(name: string): void {
    this.numbers[NAME] = this.name.write(name);
  }

  logged({ level, text }: LogLine): void {
    const line = Buffer.from(`${JSON.stringify({ level, text: text.slice(0, MAX_LINE) })}\n`);
    const used = this.numbers[LOG] ?? 0;
    const kept = used + line.length <= LOG_SIZE ? used : this.dropOldest(used);
    this.log.set(line, kept);
    this.numbers[LOG] = kept + line.length;
  }

  read(): Reached {
    const lines = this.log.toString("utf8", 0, this.numbers[LOG]).split("\n").slice(0, -1);
    return {
      line: this.numbers[STEP] ?? 0,
      callback: this.name.toString("utf8", 0, this.numbers[NAME]),
      logs: lines.flatMap((line) => parsed(line)),
    };
  }

  /** Half of what there is goes; returns how much is left. */
  private dropOldest(used: number): number {
    const from = this.log.indexOf("\n", used / 2) + 1;
    this.log.copyWithin(0, from, used);
    return used - from;
  }
}

/** The thread may have ended in the midst of a line. */
function parsed(line: string): LogLine[] {
  try {
    return [JSON.parse(line)];
  } catch {
    return [];
  }
}
