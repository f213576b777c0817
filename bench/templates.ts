/**
 * What the templates of `weir init` cost: `npm run bench:templates [-- --language go]`. Each is made, built with the compiler's caches empty (libraries of others are
 * downloaded already) and once more after an edit, loaded by a real Envoy, and sent requests in the sandbox. Prints the table in Markdown; the rows are kept in `bench/results/`.
 */

import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { buildProject, LANGUAGES, type Language, readProject, SHAPES, type Shape, shapesOf } from "../author/index.ts";
import { startCpuTime } from "../base/cpu-time.ts";
import { DEFAULT_SETTINGS } from "../model/settings.ts";
import { loadPlugin, message } from "../preflight/index.ts";
import { minimal } from "../preflight/testing/modules.ts";
import { toolchainEnv } from "../scripts/tools/zig.ts";
import { type Judge, startJudge } from "../test/support/judge.ts";
import { measureLoad } from "../test/support/load.ts";
import { createProject, whyNoRust } from "../test/support/projects.ts";
import { createTempFolder } from "../test/support/temp-folder.ts";
import { median, writeResults } from "./processes.ts";

interface Row {
  readonly language: Language;
  readonly shape: Shape;
  readonly toolchain: string;
  readonly bytes: number;
  readonly coldSeconds: number;
  readonly warmSeconds: number;
  /** CPU milliseconds: what `weir build` tells, and what Envoy took. */
  readonly predictedLoadMs: number;
  readonly envoyLoadMs: number;
  /** CPU nanoseconds of a request and its response through the filter in the sandbox, the host's work in it. */
  readonly exchangeNs: number;
}

const WARM_UP = 5_000;
const ROUNDS = 9;
const EXCHANGES = 5_000;

/** What every shape lets through: a known token, and few enough requests a second in time that stands still. */
const REQUEST = message([
  [":method", "GET"],
  [":path", "/orders"],
  [":authority", "shop.example"],
  ["authorization", "Bearer let-me-in"],
  ["user-agent", "bench"],
]);
const RESPONSE = message([
  [":status", "200"],
  ["content-type", "text/plain"],
]);

async function measure(judge: Judge, root: string, language: Language, shape: Shape): Promise<Row> {
  const folder = join(root, language, shape);
  const main = await createProject(folder, language, shape);
  const project = await readProject(folder);
  if (!project.ok) throw new Error(project.error.message);
  const caches = join(root, "caches", language, shape);
  const env = { ...(await toolchainEnv()), GOCACHE: join(caches, "go"), ZIG_GLOBAL_CACHE_DIR: join(caches, "zig") };
  const build = async () => {
    const built = await buildProject(project.value, { env, prove: false });
    if (!built.ok) throw new Error(`${language} ${shape}: ${built.error.message}\n${built.error.words ?? ""}`);
    return built.value;
  };
  const cold = await build();
  await appendFile(main, "\n// edited\n");
  const warm = await build();
  const { config } = project.value;
  const load = await measureLoad(judge, warm.bytes, { ...DEFAULT_SETTINGS, config });
  return {
    ...{ language, shape, toolchain: warm.toolchain, bytes: warm.bytes.length, coldSeconds: cold.seconds, warmSeconds: warm.seconds },
    ...{ predictedLoadMs: load.told, envoyLoadMs: load.took, exchangeNs: exchangeNs(warm.bytes, config) },
  };
}

function exchangeNs(module: Uint8Array, config: string): number {
  const loaded = loadPlugin(module, { config });
  if (!loaded.ok) throw new Error(loaded.error.message);
  const run = (times: number) => {
    for (let index = 0; index < times; index++) loaded.value.exchange({ request: REQUEST, response: RESPONSE });
  };
  run(WARM_UP);
  const rounds = Array.from({ length: ROUNDS }, () => {
    const taken = startCpuTime();
    run(EXCHANGES);
    return (taken() * 1e6) / EXCHANGES;
  });
  const fault = loaded.value.fault();
  if (fault !== undefined) throw new Error(`the filter failed: ${JSON.stringify(fault)}`);
  return median(rounds);
}

function print({ language, shape, bytes, predictedLoadMs, envoyLoadMs, coldSeconds, warmSeconds, exchangeNs: ns }: Row): void {
  const ms = (value: number) => `${value.toFixed(0)} ms`;
  const seconds = (value: number) => `${value.toFixed(1)} s`;
  const cells = [
    bytes.toLocaleString("en"),
    ms(predictedLoadMs),
    ms(envoyLoadMs),
    seconds(coldSeconds),
    seconds(warmSeconds),
    `${ns.toFixed(0)}`,
  ];
  console.log(`| ${language} | ${shape} | ${cells.join(" | ")} |`);
}

const { values } = parseArgs({ options: { language: { type: "string", multiple: true, default: [...LANGUAGES] } } });
const root = await createTempFolder("templates");
const judge = await startJudge(await minimal());
const noRust = await whyNoRust();
const rows: Row[] = [];
try {
  console.log(
    "| language | shape | bytes | predicted load | load in Envoy | built cold | built after an edit | ns an exchange |\n|---|---|---|---|---|---|---|---|",
  );
  for (const language of LANGUAGES.filter((one) => values.language.includes(one))) {
    if (language === "rust" && noRust !== undefined) console.error(`rust is left out: ${noRust}`);
    for (const shape of language === "rust" && noRust !== undefined ? [] : SHAPES.filter((one) => shapesOf(language).includes(one))) {
      const row = await measure(judge, root.path, language, shape);
      rows.push(row);
      print(row);
    }
  }
  if (rows.length > 0) await writeResults("templates", rows);
} finally {
  await judge.stop();
  await root.remove();
}
