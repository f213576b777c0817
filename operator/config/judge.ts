import { Worker } from "node:worker_threads";
import { createFairTurns } from "../../base/fair-turns.ts";
import { clip, oneLine } from "../../base/text.ts";
import type { ConfigJudge, ConfigProblem, ConfigQuestion } from "../../model/config-schema.ts";
import { fail, failForNow, ok, type Result } from "../../model/result.ts";
import type { Misfit } from "./fit.ts";
import { type JudgeAnswer, type JudgeRequest, READY } from "./worker.ts";

/** `.ts` in a checkout, `.js` in a package, as this file. */
const ENTRY = new URL(import.meta.url.endsWith(".js") ? "./worker.js" : "./worker.ts", import.meta.url);

/** Milliseconds for one judgement, and for the start of the thread. */
const JUDGE_MS = 1_000;
const START_MS = 20_000;
/** Milliseconds without a question after which the thread ends: it holds memory. */
const IDLE_MS = 60_000;
/** Megabytes of the thread's objects. */
const HEAP = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 16, stackSizeMb: 4 };
/** One at a time: a schema that takes all its time costs one processor. */
const TURNS = { places: 1, waiting: 256, waitingPerKey: 32 };
const LONGEST_PATH = 200;

const SLOW = failForNow(
  "ConfigSchemaSlow",
  `judging the configuration by the schema of its image took longer than ${JUDGE_MS / 1_000} s or too much memory; make the schema simpler`,
);
const BUSY = failForNow("ConfigSchemaSlow", "too many configurations wait to be judged by the schemas of their images; it is tried again");

/** Judges in a thread of its own, which is ended when it takes too long, and begun again for the next. */
export function createConfigJudge(judgeMs = JUDGE_MS): ConfigJudge {
  const turns = createFairTurns(TURNS);
  const thread = new JudgeThread(judgeMs);
  return {
    async judge(question) {
      const { filter, schema, configuration } = question;
      if ("problem" in schema) return invalid(schema.problem);
      if (configuration.configBytes !== undefined) return ok(notJson(question));
      const request = { schema: schema.text, config: configuration.config };
      const answer = await turns.run(filter.namespace, () => thread.ask(request));
      if (answer === undefined) return BUSY;
      if (answer === "late") return SLOW;
      if ("invalid" in answer) return invalid(answer.invalid);
      return ok("text" in answer ? notJson(question) : answer.misfits.map((misfit) => problemOf(misfit, question)));
    },
  };
}

function invalid(why: string): Result<never> {
  return fail(
    "ConfigSchemaInvalid",
    `the schema for configurations that the image carries ${why}; push it again with weir push --config-schema`,
  );
}

function notJson({ place }: ConfigQuestion): readonly ConfigProblem[] {
  const path = place === "spec" ? "spec.config" : "spec.configFrom";
  return [{ path, message: "must be JSON, by the schema of its image" }];
}

/** Names of a Secret's text are not told, and what is not in the spec has no path there. */
function problemOf({ at, message }: Misfit, { place }: ConfigQuestion): ConfigProblem {
  const words = `${message}, by the schema of its image`;
  if (place === "secret") return { path: "spec.configFrom", message: `its text does not fit the schema of its image: ${message}` };
  const inside = at.map((name) => (/^\d+$/.test(name) ? `[${name}]` : `.${oneLine(name)}`)).join("");
  if (place === "spec") return { path: clip(`spec.config${inside}`, LONGEST_PATH), message: words };
  return { path: "spec.configFrom", message: `${clip(inside.replace(/^\./, "") || "it", LONGEST_PATH)}: ${words}` };
}

class JudgeThread {
  private readonly judgeMs: number;
  private worker: Worker | undefined;
  private idle: NodeJS.Timeout | undefined;

  constructor(judgeMs: number) {
    this.judgeMs = judgeMs;
  }

  async ask(request: JudgeRequest): Promise<JudgeAnswer | "late"> {
    clearTimeout(this.idle);
    const worker = this.worker ?? (await this.start());
    if (worker === undefined) return "late";
    worker.ref();
    const answer = next<JudgeAnswer>(worker, this.judgeMs);
    worker.postMessage(request);
    const said = await answer;
    worker.unref();
    if (said === "late") await this.end();
    else this.idle = setTimeout(() => void this.end(), IDLE_MS).unref();
    return said;
  }

  private async start(): Promise<Worker | undefined> {
    // Nothing of the process's surroundings: it needs none.
    const worker = new Worker(ENTRY, { resourceLimits: HEAP, env: {}, stdout: true, stderr: true });
    this.worker = worker;
    // What comes when nobody asks is of no interest: the next question finds the thread gone.
    worker.on("error", () => {});
    worker.once("exit", () => {
      if (this.worker === worker) this.worker = undefined;
    });
    if ((await next(worker, START_MS)) === READY) return worker;
    await this.end();
    return undefined;
  }

  private async end(): Promise<void> {
    const { worker } = this;
    this.worker = undefined;
    await worker?.terminate();
  }
}

/** What the thread says next; `late` where it says nothing for so long, or has ended. */
async function next<T>(worker: Worker, ms: number): Promise<T | "late"> {
  const { promise, resolve } = Promise.withResolvers<T | "late">();
  const late = () => resolve("late");
  const timer = setTimeout(late, ms);
  worker.once("message", resolve).once("error", late).once("exit", late);
  const said = await promise;
  clearTimeout(timer);
  worker.off("message", resolve).off("error", late).off("exit", late);
  return said;
}
