import assert from "node:assert/strict";
import { appendFile, mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { LANGUAGES, type Language } from "../author/index.ts";
import { sdkModules } from "../scripts/examples/assemblyscript.ts";
import { ROOT } from "../scripts/tests/files.ts";
import { type Finished, run } from "../scripts/tools/run.ts";
import { installZig, toolchainEnv } from "../scripts/tools/zig.ts";
import { startProcess } from "./support/process.ts";
import { createProject, whyNoRust } from "./support/projects.ts";
import { createSnippets } from "./support/snippets.ts";
import { createTempFolder } from "./support/temp-folder.ts";

const WEIR = join(ROOT, "bin/weir");
/** The command without the script around it, which looks for Node on the PATH. */
const MAIN = join(ROOT, "cli/main.ts");
const noRust = await whyNoRust();

/** A mistake in each language, at the end of its main source, and what its compiler says of the place. */
const MISTAKES: Readonly<Record<Language, readonly [text: string, place: RegExp]>> = {
  assemblyscript: ["\nexport function wrong(): i32 { return nowhere; }\n", /nowhere[\s\S]*assembly\/filter\.ts\(\d+,\d+\)/],
  rust: ["\nfn wrong() -> u32 { nowhere }\n", /nowhere[\s\S]*src\/lib\.rs:\d+:\d+/],
  go: ["\nfunc wrong() int { return nowhere }\n", /main\.go:\d+:\d+: undefined: nowhere/],
  c: ["\nint wrong(void) { return nowhere; }\n", /src\/filter\.c:\d+:\d+: error:.*nowhere/],
  cpp: ["\nint wrong() { return nowhere; }\n", /src\/filter\.cc:\d+:\d+: error:.*nowhere/],
  zig: ["\nexport fn wrong() u32 { return nowhere; }\n", /src\/filter\.zig:\d+:\d+: error:.*nowhere/],
};

/** What `weir build -o json` prints. */
interface Report {
  readonly built: boolean;
  readonly reason?: string;
  readonly words?: string;
  readonly module: string;
  readonly size: number;
  readonly wasmDigest: string;
  readonly sections: readonly { readonly name: string; readonly size: number }[];
  readonly imports: readonly string[];
  readonly loadMs: number;
  readonly toolchain: string;
  readonly seconds: number;
  readonly image?: { readonly reference: string; readonly digest: string };
}

let root: Awaited<ReturnType<typeof createTempFolder>>;
let env: Record<string, string>;
before(async () => {
  root = await createTempFolder("build");
  env = { ...(await toolchainEnv()), XDG_DATA_HOME: join(root.path, "data") };
});
after(() => root.remove());

const weir = (args: readonly string[], extra: Readonly<Record<string, string>> = {}): Promise<Finished> =>
  run(WEIR, args, { cwd: root.path, env: { ...env, ...extra } });

async function build(folder: string, ...flags: readonly string[]): Promise<Report> {
  const done = await weir(["build", folder, "-o", "json", ...flags]);
  assert.equal(done.code, 0, done.stderr);
  return JSON.parse(done.stdout) as Report;
}

/** A folder of the test's own, with a space in its name. */
function folderOf(...names: readonly string[]): string {
  return join(root.path, ...names);
}

describe("a project in each language", () => {
  for (const language of LANGUAGES) {
    const skip = language === "rust" && noRust !== undefined && noRust;
    test(`${language}: builds to the same digests in two folders, and is proved`, { skip }, (t) => twice(t, language));
    test(`${language}: a mistake is told in the compiler's own words, and the module stays as it was`, { skip }, () => mistake(language));
  }
});

async function twice(t: TestContext, language: Language): Promise<void> {
  const [one, other] = [folderOf("one", language), folderOf("another place", "further down", language)];
  await createProject(one, language);
  await createProject(other, language);
  const first = await build(one, "-t", "registry.example/me/hello:1");
  const second = await build(other, "-t", "registry.example/me/hello:2", "--no-prove");
  assert.equal(second.wasmDigest, first.wasmDigest);
  assert.equal(second.image?.digest, first.image?.digest);
  const bytes = await readFile(join(one, "build/hello.wasm"));
  assert.equal(bytes.length, first.size);
  for (const trace of [root.path, env.HOME ?? ""]) assert.ok(!bytes.includes(trace), `the module holds ${trace}`);
  assert.deepEqual(await readdir(join(one, "build")), ["hello.wasm"], "nothing else is left");
  const named = await build(one, "--keep-names", "--no-prove");
  assert.deepEqual(
    [first, named].map(({ sections }) => sections.some(({ name }) => name === "name")),
    [false, true],
  );
  assert.equal(codeOf(named), codeOf(first), "the code is the same");
  const { size, loadMs, toolchain, seconds, sections } = first;
  assert.ok(loadMs > 0 && first.imports.length > 0);
  assert.equal(
    sections.reduce((sum, section) => sum + section.size, 8),
    size,
    "the sections and the preamble are all of it",
  );
  t.diagnostic(
    `${toolchain}: ${size} bytes, load ${loadMs.toFixed(0)} ms; ${seconds.toFixed(1)} s at first, ${named.seconds.toFixed(1)} s again with names`,
  );
}

const codeOf = ({ sections }: Report) => sections.find(({ name }) => name === "code")?.size;

async function mistake(language: Language): Promise<void> {
  const folder = folderOf("one", language);
  const before = await readFile(join(folder, "build/hello.wasm"));
  const [text, place] = MISTAKES[language];
  const main = await createProject(folderOf("wrong", language), language);
  await mkdir(folderOf("wrong", language, "build"));
  await writeFile(folderOf("wrong", language, "build/hello.wasm"), before);
  await appendFile(main, text);
  const done = await weir(["build", folderOf("wrong", language)]);
  assert.equal(done.code, 1, done.stderr);
  assert.match(done.stderr, /^error: \S+ \d\S*.* does not compile the project; see what it says$/m);
  assert.match(done.stderr.slice(done.stderr.indexOf("error:")), place);
  assert.equal(done.stdout, "");
  assert.deepEqual(await readdir(folderOf("wrong", language, "build")), ["hello.wasm"]);
  assert.deepEqual(await readFile(folderOf("wrong", language, "build/hello.wasm")), before);
}

test("binaryen makes a module smaller, where the project brings it", async (t) => {
  const folder = folderOf("optimized");
  await createProject(folder, "cpp");
  const bare = { ...env, PATH: dirname(await installZig()) };
  const none = await run(process.execPath, [MAIN, "build", folder, "--optimize", "size"], { env: bare });
  assert.match(none.stderr, /^error: there is no binaryen to optimize for size; run npm install --save-dev binaryen/m);
  assert.equal(none.code, 1);
  await symlink(await sdkModules(), join(folder, "node_modules"));
  const [plain, small] = [await build(folder), await build(folder, "--optimize", "size")];
  assert.ok(small.size < plain.size * 0.9, `${plain.size} -> ${small.size}`);
  assert.ok((await readFile(small.module)).length === small.size);
  t.diagnostic(`C++: ${plain.size} bytes, ${small.size} with binaryen; load ${plain.loadMs.toFixed(0)} ms, ${small.loadMs.toFixed(0)} ms`);
});

test("Ctrl-C ends the compiler with all that it started, and leaves nothing", async (t) => {
  const folder = folderOf("stopped");
  await createProject(folder, "go");
  const temporary = folderOf("temporary");
  await mkdir(temporary);
  // Nothing is compiled yet, so it takes a while.
  const started = await startProcess(WEIR, ["build", folder], { env: { ...env, GOCACHE: folderOf("empty cache"), TMPDIR: temporary } });
  t.after(() => started.kill());
  const group = await started.waitFor("a compiler of Go's", async () => {
    const processes = await allProcesses();
    const go = processes.find(({ args }) => args.startsWith("go build") && args.includes(folder));
    return processes.filter((each) => each.group === go?.group).length > 1 ? go?.group : undefined;
  });
  process.kill(started.pid, "SIGINT");
  const { code } = await started.exited;
  assert.equal(code, 130, started.logs());
  assert.match(started.logs(), /^weir build was stopped$/m);
  const left = () => allProcesses().then((processes) => processes.filter((each) => each.group === group));
  assert.deepEqual(await left(), []);
  assert.doesNotMatch(started.logs(), /error/);
  assert.ok(!(await readdir(folder)).includes("build"));
  assert.deepEqual(await readdir(temporary), []);
});

/** Those that have ended and wait to be collected are left out. */
async function allProcesses(): Promise<{ readonly group: number; readonly args: string }[]> {
  const { stdout } = await run("ps", ["-eo", "pgid=,stat=,args="]);
  const rows = stdout.split("\n").map((line) => /^\s*(\d+) (\S+)\s+(.*)$/.exec(line));
  return rows.flatMap((row) => (row === null || row[2]?.startsWith("Z") ? [] : [{ group: Number(row[1]), args: row[3] ?? "" }]));
}

test("the commands and the settings of docs/authors/performance.md are as the page says", async () => {
  const page = await createSnippets("authors/performance");
  const folder = folderOf("page");
  await createProject(folder, "cpp");
  await writeFile(join(folder, "weir.yaml"), page.text("project"));
  await writeFile(join(folder, "config.schema.json"), "{}");
  const path = `${join(ROOT, "bin")}${delimiter}${env.PATH}`;
  const done = await run("sh", ["-euc", page.text("build")], { cwd: folder, env: { ...env, PATH: path } });
  assert.equal(done.code, 0, done.stderr);
  assert.match(done.stdout, /"reference": "registry\.example\/me\/my-filter:0\.1@sha256:/);
  assert.match(done.stdout, /^build\/my-filter\.wasm loads$/m);
});

test("what is wrong with the folder or the machine is told in a line", async () => {
  const empty = folderOf("empty");
  await mkdir(empty);
  const none = await weir(["build", empty]);
  assert.match(none.stderr, /^error: there is no .*empty\/weir\.yaml; start a project with weir init, or name the folder of one\n$/);
  await writeFile(join(empty, "weir.yaml"), "language: go\nname: x\noptimise: size\n");
  assert.equal((await weir(["build", empty])).stderr, "error: weir.yaml:3: optimise is not known; did you mean optimize\n");
  await writeFile(join(empty, "weir.yaml"), "language: go\nname: x\n");
  const bin = join(empty, "bin");
  await mkdir(bin);
  const bare = await run(process.execPath, [MAIN, "build", empty], { env: { ...env, PATH: bin } });
  assert.match(bare.stderr, /^error: x is written in Go: go is missing; install Go 1\.24 or newer/);
  assert.equal(bare.code, 1);
  assert.deepEqual((await readdir(empty)).sort(), ["bin", "weir.yaml"]);
});

test("a module that would be refused, or has no place, is not written", async () => {
  const folder = folderOf("refused");
  await createProject(folder, "zig", "auth");
  await writeFile(join(folder, "weir.yaml"), "language: zig\nname: auth\nconfig: {tokens: []}\n");
  const refused = await weir(["build", folder]);
  assert.match(
    refused.stderr,
    /^error: auth would be refused \(ConfigureFailed\), so it was not written: .*tokens must have at least one/m,
  );
  assert.deepEqual([refused.code, (await readdir(folder)).includes("build")], [1, false]);
  assert.equal((await weir(["build", folder, "--no-prove"])).code, 0);
  await rm(join(folder, "build"), { recursive: true });
  await writeFile(join(folder, "build"), "in the way");
  const noPlace = await weir(["build", folder]);
  assert.match(
    noPlace.stderr,
    /^error: \S+\/build\/auth\.wasm cannot be written: EEXIST.*; make room for it, or name another place as module/m,
  );
  assert.equal(await readFile(join(folder, "build"), "utf8"), "in the way");
});
