import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import type { Result } from "../model/result.ts";
import { createExaminer, inspectModule, type Trial } from "../preflight/index.ts";
import { HOLDING } from "../preflight/testing/holding.ts";
import { minimal, ROWS } from "../preflight/testing/modules.ts";
import type { Row } from "../preflight/testing/row.ts";
import { buildExamples } from "../scripts/build-examples.ts";
import { type Judge, type Judgement, plainSettings, startJudge } from "./support/judge.ts";
import { buildMisbehaving, MISBEHAVIOURS } from "./support/misbehaviours.ts";

/** Envoy's own memory bound, so that both sides judge by the same one; longer phases, since a busy machine is no endless loop. */
const examiner = createExaminer({ maxMemoryPages: 16_384, phaseMs: { start: 8000, configure: 8000, traffic: 8000 } });

/** A module that Envoy should accept and that then adds this header to responses. */
const HEADER = /response header added: ([\w-]+): (\S+)/;

interface Verdict {
  readonly title: string;
  readonly ours: Result<Trial>;
  readonly envoys: Judgement;
  /** What differs; empty: the verdicts are equal. */
  readonly differences: readonly string[];
}

async function compare(judge: Judge, row: Row): Promise<Verdict> {
  const code = await row.code();
  const settings = {
    ...plainSettings,
    config: row.config ?? "",
    capabilities: row.capabilities,
    allowOnHeadersStopIteration: row.allowOnHeadersStopIteration,
  };
  const [ours, envoys] = await Promise.all([examiner.examine(code, settings), judge.judge(code, settings)]);
  return { title: row.title, ours, envoys, differences: differencesOf(ours, envoys) };
}

/** It loads, and its process had to be ended under traffic: an Envoy answers nothing either. */
function hangsUnderTraffic(ours: Result<Trial>): boolean {
  return !ours.ok && ours.error.reason === "Timeout" && ours.error.message.includes("the requests of the proof");
}

function differencesOf(ours: Result<Trial>, envoys: Judgement): string[] {
  if (hangsUnderTraffic(ours)) {
    const answered = envoys.answers.filter((answer) => answer !== undefined).length;
    return envoys.load === "accepted" && answered === 0 ? [] : [`traffic: the sandbox hangs, Envoy ${envoys.load} and answers ${answered}`];
  }
  const accepted = ours.ok && ours.value.report.load === undefined;
  if (accepted !== (envoys.load === "accepted")) return [`load: sandbox ${accepted ? "accepts" : "refuses"}, Envoy ${envoys.load}`];
  if (!ours.ok || !accepted) return missingImport(ours, envoys);
  const { traffic, effects, answers } = ours.value.report;
  const dies = traffic?.reason === "ProxyCrash";
  if (dies !== envoys.died) return [`traffic: sandbox ${traffic?.message ?? "passes"}, Envoy ${envoys.died ? "dies" : "lives"}`];
  if (dies) return [];
  const expected = traffic?.reason === "Timeout" ? [undefined, undefined] : answers.slice(0, 2);
  const got = envoys.answers.map((answer) => answer?.status);
  if (!isDeepStrictEqual(expected, got)) return [`answers: sandbox ${expected.join(", ")}, Envoy ${got.join(", ")}`];
  return traffic === undefined ? [...headerDifference(effects, envoys), ...requestDifference(effects, envoys)] : [];
}

/** Where Envoy's log names an import, the sandbox must name the same one. */
function missingImport(ours: Result<Trial>, envoys: Judgement): string[] {
  const named = /(?:missing import|import type mismatch): ([\w.]+)/.exec(envoys.log)?.[1];
  if (named === undefined || (!ours.ok && ours.error.message.includes(named))) return [];
  return [`import: Envoy names ${named}, the sandbox does not`];
}

/** The first header that the sandbox predicts must be in Envoy's first answer. */
function headerDifference(effects: readonly string[], { answers: [first] }: Judgement): string[] {
  const [, name, value] = HEADER.exec(effects.find((line) => HEADER.test(line)) ?? "") ?? [];
  if (name === undefined || first === undefined || first.headers[name] === value) return [];
  return [`effect: the sandbox adds ${name}: ${value}, Envoy answers ${JSON.stringify(first.headers)}`];
}

/** The headers that the sandbox adds to the POST are those that the app got. */
function requestDifference(effects: readonly string[], { answers: [, second] }: Judgement): string[] {
  const added = effects.some((line) => line.startsWith("POST ") && line.includes("request header added: x-body: 1"));
  if (second === undefined || added === second.body.includes('"x-body","1"')) return [];
  return [`effect: the sandbox ${added ? "adds" : "does not add"} x-body, the app got ${second.body}`];
}

function statuses({ answers, died }: Judgement): string {
  return died ? "dies" : answers.map((answer) => answer?.status ?? "nothing").join(", ");
}

function line({ title, ours, envoys, differences }: Verdict): string {
  const report = ours.ok ? ours.value.report : undefined;
  const load = ours.ok ? report?.load : ours.error;
  const sandbox = load !== undefined ? `refuses: ${load.reason}` : report?.traffic ? `loads, then ${report.traffic.reason}` : "passes";
  const envoy = envoys.load === "accepted" ? `accepts, then ${statuses(envoys)}` : envoys.load;
  return `${differences.length === 0 ? "=" : "≠"} ${title.padEnd(58)} ${sandbox.padEnd(28)} ${envoy}`;
}

async function exampleRows(): Promise<Row[]> {
  const { addHeaderAs, addHeaderGo, missingImport: bad } = await buildExamples();
  const filter = (title: string, path: string, config?: string): Row => ({ title, code: () => readFile(path), ...(config && { config }) });
  return [
    filter("AssemblyScript: adds a header", addHeaderAs.v1),
    filter("AssemblyScript: the header of its configuration", addHeaderAs.v2, '{"header":"x-from-config","value":"yes"}'),
    filter("AssemblyScript: a configuration that is no JSON", addHeaderAs.v1, "{"),
    filter("AssemblyScript: imports what no proxy has", bad),
    filter("Go: adds a header", addHeaderGo.v1),
    filter("Go: the header of its configuration", addHeaderGo.v2, '{"header":"x-from-config","value":"yes"}'),
    filter("Go: a configuration that is no JSON", addHeaderGo.v1, "{"),
    { ...filter("Go: may do everything but log", addHeaderGo.v1), capabilities: await allBut("proxy_log", addHeaderGo.v1) },
    { title: "Go: cut short", code: async () => (await readFile(addHeaderGo.v1)).subarray(0, 1_000_000) },
  ];
}

async function allBut(name: string, path: string): Promise<readonly string[]> {
  const facts = inspectModule(await readFile(path));
  assert.ok(facts.ok);
  return facts.value.capabilities.filter((capability) => capability !== name);
}

async function goRows(): Promise<Row[]> {
  const code = await buildMisbehaving();
  return MISBEHAVIOURS.map((act) => ({ title: `Go: ${act}`, code: async () => code, config: act }));
}

test("the sandbox's verdict equals Envoy's on every good and bad module of the table", { timeout: 540_000 }, async (t) => {
  const judge = await startJudge(await minimal());
  t.after(() => judge.stop());
  const verdicts: Verdict[] = [];
  for (const row of [...ROWS, ...HOLDING, ...(await exampleRows()), ...(await goRows())]) {
    const verdict = await compare(judge, row);
    verdicts.push(verdict);
    t.diagnostic(line(verdict));
  }
  const accepted = verdicts.filter(({ envoys }) => envoys.load === "accepted").length;
  t.diagnostic(
    `${verdicts.length} modules: Envoy accepts ${accepted} and refuses ${verdicts.length - accepted}; ${judge.starts()} Envoys were needed`,
  );
  const different = verdicts.filter(({ differences }) => differences.length > 0);
  assert.deepEqual(
    different.map(({ title, differences }) => [title, ...differences]),
    [],
  );
  assert.ok(verdicts.length >= 30 && accepted >= 10 && accepted <= verdicts.length - 10, "the table holds good and bad modules");
});

test("preflight of the Go filter beside Envoy's own load time", { timeout: 120_000 }, async (t) => {
  const judge = await startJudge(await minimal());
  t.after(() => judge.stop());
  const { addHeaderGo } = await buildExamples();
  const code = await readFile(addHeaderGo.v1);
  const began = performance.now();
  const ours = await createExaminer().examine(code, plainSettings);
  const whole = performance.now() - began;
  const { load, loadMs } = await judge.judge(code, plainSettings);
  assert.ok(ours.ok && ours.value.report.load === undefined && load === "accepted");
  const { compileMs, startMs } = ours.value.report;
  const parts = `compile ${compileMs.toFixed(0)} ms, start and configure ${startMs.toFixed(0)} ms`;
  t.diagnostic(`${(code.length / 1e6).toFixed(1)} MB of Go: preflight ${whole.toFixed(0)} ms (${parts}), Envoy ${loadMs.toFixed(0)} ms`);
});
