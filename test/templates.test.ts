import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { basename, delimiter, join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { parse } from "yaml";
import { EnvoyHosts } from "../author/cases/envoy/host.ts";
import { describeFailure } from "../author/cases/report/failure.ts";
import { runInBoth } from "../author/cases/run-both.ts";
import { createSandbox, LANGUAGES, type Language, readCases, readProject, type Shape, shapesOf } from "../author/index.ts";
import { cacheFolder } from "../base/cache-folder.ts";
import { loadPlugin, message, type Pairs } from "../preflight/index.ts";
import { ROOT } from "../scripts/tests/files.ts";
import { installEnvoyVersion } from "../scripts/tools/envoy.ts";
import { runOk } from "../scripts/tools/run.ts";
import { toolchainEnv } from "../scripts/tools/zig.ts";
import { whyNoRust } from "./support/projects.ts";
import { createSnippets } from "./support/snippets.ts";
import { createTempFolder } from "./support/temp-folder.ts";

/** Each is generated, and goes through the commands of its own CI file, as its author's CI does; then through the same cases in a real Envoy. */

const noRust = await whyNoRust();
const REQUESTS = 2_000;
/** Pages that the garbage collector of Go may take until it has found its size. */
const GROWTH: Readonly<Partial<Record<Language, number>>> = { go: 80 };

/** Cases that run in Envoy where each costs seconds, for a module of megabytes. */
const FEW: Readonly<Partial<Record<Language, number>>> = { go: 2 };

let root: Awaited<ReturnType<typeof createTempFolder>>;
let env: Record<string, string>;
let envoys: EnvoyHosts;
before(async () => {
  envoys = new EnvoyHosts({ path: await installEnvoyVersion("1.40.0"), version: "1.40.0" });
  root = await createTempFolder("templates");
  const machine = await toolchainEnv();
  env = {
    ...machine,
    PATH: `${join(ROOT, "bin")}${delimiter}${machine.PATH}`,
    XDG_DATA_HOME: join(root.path, "data"),
    // What the templates depend on is compiled once for all of them, and kept.
    CARGO_TARGET_DIR: join(cacheFolder(), "templates-cargo"),
  };
});
after(async () => {
  await envoys.stop();
  await root.remove();
});

interface Workflow {
  readonly jobs: { readonly test: { readonly steps: readonly { readonly run?: string; readonly uses?: string }[] } };
}

/** The commands of a project's CI that are its own: toolchains are this machine's. */
async function commandsOf(folder: string): Promise<string[]> {
  const { jobs }: Workflow = parse(await readFile(join(folder, ".github/workflows/ci.yml"), "utf8"));
  const commands = jobs.test.steps.flatMap(({ run }) => (run === undefined ? [] : [run]));
  const installs = /^(npm install --global "\$WEIR"|python3 -m pip install ziglang==0\.17\.1|rustup target add wasm32-wasip1)$/;
  return commands.filter((command) => !installs.test(command));
}

async function make(language: Language, shape: Shape): Promise<string> {
  const folder = join(root.path, `${language}-${shape}`);
  await runOk("weir", ["init", folder, "--language", language, "--shape", shape], { env });
  return folder;
}

/** By the commands of the page about languages. */
async function makeAsDocumented(language: Language): Promise<string> {
  const commands = (await createSnippets("authors/languages")).text(language);
  await runOk("sh", ["-ec", commands], { cwd: root.path, env });
  return join(root.path, /^weir init (\S+)/.exec(commands)?.[1] ?? "");
}

async function play(t: TestContext, language: Language, shape: Shape): Promise<void> {
  const folder = shape === "headers" ? await makeAsDocumented(language) : await make(language, shape);
  const commands = await commandsOf(folder);
  assert.deepEqual(commands, [...(language === "assemblyscript" ? ["npm ci"] : []), "weir build", "weir test"]);
  for (const command of commands) await runOk("sh", ["-c", command], { cwd: folder, env });
  const bytes = await readFile(join(folder, "build", `${basename(folder)}.wasm`));
  const pages = memoryOf(bytes, shape);
  assert.ok(pages.after - pages.before <= (GROWTH[language] ?? 0), `${REQUESTS} requests took ${pages.before} pages to ${pages.after}`);
  const cases = await runInEnvoy(folder, bytes, FEW[language]);
  t.diagnostic(`${bytes.length} bytes, ${pages.after} pages after ${REQUESTS} requests; ${cases} cases in Envoy as in the sandbox`);
}

/** Runs the project's cases in a real Envoy and in the sandbox: both pass, and do the same. `most` of each file. Gives how many. */
async function runInEnvoy(folder: string, bytes: Uint8Array, most?: number): Promise<number> {
  const project = await readProject(folder);
  assert.ok(project.ok);
  const sandbox = createSandbox(bytes);
  assert.ok(sandbox.ok);
  let count = 0;
  for (const name of (await readdir(join(folder, "tests"))).filter((file) => file.endsWith(".weir.yaml"))) {
    const file = await readCases(join(folder, "tests", name), name, project.value);
    assert.ok(file.ok);
    for (const one of file.value.cases.slice(0, most)) {
      const result = await runInBoth(one, sandbox.value, envoys.of(bytes));
      assert.equal(result.outcome, "passed", result.failure && describeFailure(result, result.failure).join("\n"));
      // What takes a minute of time by the clock is for the sandbox, which has a clock that a case moves.
      if (result.note === undefined) count++;
      else assert.equal(name, "windows.weir.yaml", result.note);
    }
  }
  return count;
}

const CONFIGS: Readonly<Record<Shape, unknown>> = {
  headers: "world",
  auth: { tokens: ["a-token", "another"] },
  "rate-limit": { requests: 10 },
  callout: { cluster: "auth" },
};

/** Pages of 64 KiB after a few requests, and after many more. */
function memoryOf(bytes: Uint8Array, shape: Shape): { readonly before: number; readonly after: number } {
  const config = CONFIGS[shape];
  const loaded = loadPlugin(bytes, {
    config: typeof config === "string" ? config : JSON.stringify(config),
    maxHostBytes: Number.MAX_SAFE_INTEGER,
  });
  assert.ok(loaded.ok);
  const request = (token: string): Pairs => [
    [":method", "GET"],
    [":path", "/"],
    [":authority", "a"],
    ["authorization", token],
  ];
  const ask = (times: number): number => {
    for (let time = 0; time < times; time++)
      for (const token of ["Bearer a-token", `Bearer ${"x".repeat(3000)}`])
        loaded.value.exchange({ request: message(request(token)), response: message([[":status", "200"]]) });
    assert.equal(loaded.value.fault(), undefined);
    return loaded.value.memoryPages();
  };
  return { before: ask(REQUESTS / 20), after: ask(REQUESTS / 2) };
}

/** Written out: skips.json names those that a machine without Rust leaves out. */
const TEMPLATES = [
  "assemblyscript headers",
  "assemblyscript auth",
  "assemblyscript rate-limit",
  "assemblyscript callout",
  "rust headers",
  "rust auth",
  "rust rate-limit",
  "rust callout",
  "go headers",
  "go auth",
  "c headers",
  "c auth",
  "cpp headers",
  "cpp auth",
  "zig headers",
  "zig auth",
] as const satisfies readonly `${Language} ${Shape}`[];

describe("a template is made, built and tested", { timeout: 900_000 }, () => {
  test("all of them are", () => {
    assert.deepEqual(
      TEMPLATES,
      LANGUAGES.flatMap((language) => shapesOf(language).map((shape) => `${language} ${shape}`)),
    );
  });

  for (const name of TEMPLATES) {
    const [language, shape] = name.split(" ") as [Language, Shape];
    test(name, { skip: language === "rust" && noRust !== undefined && noRust }, (t) => play(t, language, shape));
  }
});
