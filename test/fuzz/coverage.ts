import { readFileSync } from "node:fs";
import { Session } from "node:inspector";
import { fileURLToPath, pathToFileURL } from "node:url";
import { ROOT } from "../../scripts/tests/files.ts";

/** A stretch of a file's text, and how often it ran since the last look. */
interface Range {
  readonly startOffset: number;
  readonly endOffset: number;
  readonly count: number;
}

/** Which code of the given folders has run in this thread, by V8's block coverage. https://chromedevtools.github.io/devtools-protocol/tot/Profiler/ */
export class Coverage {
  private readonly session = new Session();
  private readonly prefixes: readonly string[];
  /** URL -> a byte for each character of the file: 1 when it ran. */
  private readonly ran = new Map<string, Uint8Array>();

  constructor(code: readonly string[]) {
    this.prefixes = code.map((path) => `${pathToFileURL(ROOT).href}${path}`);
    this.session.connect();
    this.session.post("Profiler.enable");
    this.session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  }

  /** True when code ran since the last call that had not run before. `note`: it counts as run from now on. */
  advance(note: boolean): boolean {
    let isNew = false;
    this.session.post("Profiler.takePreciseCoverage", (error, taken) => {
      if (error !== null) throw error;
      for (const { url, functions } of taken.result) {
        if (!this.counts(url)) continue;
        for (const { ranges } of functions) isNew = this.compare(url, ranges, note) || isNew;
      }
    });
    return isNew;
  }

  /** Lines of code that ran. */
  lines(): number {
    let lines = 0;
    for (const [url, ran] of this.ran) {
      let hasRun = false;
      for (const [at, character] of [...readFileSync(fileURLToPath(url), "utf8")].entries()) {
        if (character === "\n") {
          lines += hasRun ? 1 : 0;
          hasRun = false;
        } else hasRun ||= ran[at] === 1 && character !== " ";
      }
    }
    return lines;
  }

  private counts(url: string): boolean {
    return this.prefixes.some((prefix) => url.startsWith(prefix)) && !url.includes("/testing/") && !url.endsWith(".test.ts");
  }

  /** Ranges come outermost first; an inner one says better. */
  private compare(url: string, ranges: readonly Range[], note: boolean): boolean {
    const [whole] = ranges;
    if (whole === undefined || whole.count === 0) return false;
    const known = this.ran.get(url) ?? new Uint8Array(readFileSync(fileURLToPath(url), "utf8").length + 1);
    this.ran.set(url, known);
    const now = new Uint8Array(whole.endOffset - whole.startOffset);
    for (const { startOffset, endOffset, count } of ranges) {
      now.fill(count > 0 ? 1 : 0, startOffset - whole.startOffset, endOffset - whole.startOffset);
    }
    let isNew = false;
    for (let index = 0; index < now.length; index += 1) {
      if (now[index] === 0 || known[whole.startOffset + index] === 1) continue;
      if (note) known[whole.startOffset + index] = 1;
      isNew = true;
    }
    return isNew;
  }
}
