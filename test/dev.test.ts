import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createProject, type DevLanguage, measureDevLoop, summarizeSaves } from "./support/dev-loop.ts";
import { endOfLocalWeir, envoyOf, interrupt, isRunning, LONG_MS, localFolder, startLocalWeir } from "./support/local-weir.ts";
import { eventually } from "./support/process.ts";

const header = async (url: string, name: string) => (await fetch(url)).headers.get(name);

async function project(t: TestContext) {
  const cwd = await localFolder(t);
  const { folder, source } = await createProject("assemblyscript", cwd);
  return { cwd, folder, source, text: await readFile(source, "utf8"), yaml: join(folder, "weir.yaml") };
}

/** Processes are looked for in /proc. */
const skip = process.platform !== "linux" && "there is no /proc";

/** The processes of a program whose arguments hold this text. */
async function processesWith(text: string): Promise<number[]> {
  const { readdir } = await import("node:fs/promises");
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map(async (pid) => [pid, await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")] as const));
  return lines.filter(([, line]) => line.includes(text)).map(([pid]) => Number(pid));
}

test("weir dev swaps the filter with each save; what does not build or is refused leaves the one before in force", { skip }, async (t) => {
  const { cwd, folder, source, text, yaml } = await project(t);
  const weir = await startLocalWeir(t, ["dev", folder], { cwd });
  const url = await weir.url();
  assert.equal(await header(url, "x-hello"), "world");
  await weir.waitFor("the exchange", (logs) =>
    /GET \/ 200 in \d+ ms\n +hello-assemblyscript {2}response {2}\+ x-hello: world\n/.test(logs),
  );

  await writeFile(source, text.replaceAll('"x-hello"', '"x-bye"'));
  await eventually("the new header", async () => (await header(url, "x-bye")) === "world", LONG_MS);
  await weir.waitFor("what was reloaded", (logs) => / reloaded assembly\/filter\.ts: [0-9a-f]{12} -> [0-9a-f]{12}, built in /.test(logs));

  await writeFile(source, `${text}\nlet wrong: i32 = "text";\n`);
  await weir.waitFor("the compiler's words", (logs) =>
    /AssemblyScript \S+ does not compile .*; [0-9a-f]{12} stays in force\n +ERROR TS2322: .*(\n.*)+in assembly\/filter\.ts\(\d+,18\)/.test(
      logs,
    ),
  );
  assert.equal(await header(url, "x-bye"), "world");

  await writeFile(source, text.replace("this.value = configuration;", "this.value = configuration; unreachable();"));
  await weir.waitFor("the refusal", (logs) => /assembly\/filter\.ts: .*proxy_on_configure.*; [0-9a-f]{12} stays in force/.test(logs));
  assert.equal(await header(url, "x-bye"), "world");

  await writeFile(source, text.replace("return Action.Continue;", 'log(LogLevel.Info, "seen"); return Action.Continue;'));
  await eventually("the first header again", async () => (await header(url, "x-hello")) === "world", LONG_MS);
  await weir.waitFor("what it logs", (logs) => logs.includes("hello-assemblyscript info seen\n"));

  const settings = await readFile(yaml, "utf8");
  await writeFile(yaml, settings.replace("config: world", "config: moon"));
  await eventually("the new configuration", async () => (await header(url, "x-hello")) === "moon", LONG_MS);
  await writeFile(yaml, settings.replace("config:", "confg:"));
  await weir.waitFor("the mistake", (logs) => /weir\.yaml.*confg.*stays in force/.test(logs));
  assert.equal(await header(url, "x-hello"), "moon");

  await writeFile(yaml, settings);
  const first = envoyOf(weir.logs());
  process.kill(first, "SIGKILL");
  await weir.waitFor("the end of Envoy", (logs) => logs.includes("Envoy ended by itself (SIGKILL)"));
  await writeFile(source, text);
  await eventually("another Envoy at the same place", async () => (await header(url, "x-hello")) === "world", LONG_MS);

  assert.ok((await processesWith(folder)).length > 1, "the compiler stays");
  assert.deepEqual(await interrupt(weir), { code: 0, signal: null });
  assert.deepEqual(await weir.leftBehind(), []);
  assert.deepEqual(await processesWith(cwd), []);
});

test("Ctrl-C while it starts ends what was started, with 130", { skip }, async (t) => {
  const { cwd, folder } = await project(t);
  for (const wait of ["its folder", "its compiler"]) {
    const weir = await startLocalWeir(t, ["dev", folder], { cwd });
    await weir.waitFor(wait, async () =>
      wait === "its folder" ? (await weir.leftBehind()).length > 0 : (await processesWith(folder)).length > 1,
    );
    assert.deepEqual(await interrupt(weir), { code: 130, signal: null }, wait);
    assert.deepEqual(await weir.leftBehind(), [], wait);
    assert.deepEqual(await processesWith(cwd), [], wait);
    assert.equal(isRunning(weir.pid), false);
  }
});

test("a folder that is no project is told how to become one", async (t) => {
  const cwd = await localFolder(t);
  const { code, logs } = await endOfLocalWeir(t, ["dev"], { cwd });
  assert.equal(code, 1);
  assert.match(logs, /^error: there is no .*weir\.yaml; start a project with weir init, or name the folder of one\n$/);
});

for (const language of ["assemblyscript", "go"] as const satisfies readonly DevLanguage[]) {
  test(`a saved file in ${language} is the new header in Envoy moments later`, async (t) => {
    const saves = await measureDevLoop(language, 5);
    assert.equal(saves.length, 5);
    t.diagnostic(summarizeSaves(language, saves));
  });
}
