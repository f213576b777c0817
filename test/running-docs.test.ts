import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { pushModule } from "../oci/index.ts";
import { buildExamples } from "../scripts/build-examples.ts";
import { installEnvoyVersion } from "../scripts/tools/envoy.ts";
import { startEchoApp } from "./support/echo-app.ts";
import { faultyFilter } from "./support/faulty.ts";
import { interrupt, localFolder, startLine } from "./support/local-weir.ts";
import { startRegistry } from "./support/registry.ts";
import { createSnippets } from "./support/snippets.ts";

const page = await createSnippets("authors/running");

const lines = (block: string) => page.text(block).trim().split("\n");

/** Runs a line that stays until it is stopped; gives the answer to a request, and what was shown until then. */
async function runLine(t: TestContext, line: string, where: { readonly cwd: string; readonly env?: Record<string, string> }) {
  const weir = await startLine(t, line, where);
  const answer = await fetch(await weir.url(120_000));
  await answer.text();
  await weir.waitFor("the exchange", (logs) => / GET \/ \d+ in \d+ ms/.test(logs));
  const { code } = await interrupt(weir);
  assert.equal(code, 0, line);
  assert.deepEqual(await weir.leftBehind(), [], line);
  return { headers: answer.headers, logs: weir.logs() };
}

test("the commands that run any filter do what docs/authors/running.md says", async (t) => {
  const cwd = await localFolder(t);
  const app = await startEchoApp();
  const registry = await startRegistry();
  t.after(() => Promise.all([app.stop(), registry.stop()]));
  const module = await readFile((await buildExamples()).addHeaderAs.v1);
  await writeFile(join(cwd, "add-header.wasm"), module);
  await writeFile(join(cwd, "broken.wasm"), await faultyFilter("refusesConfiguration", "1"));
  for (const image of [`${registry.host}/filters/add-header:1.2`, "oci-layout:./images:1.2"]) {
    const pushed = await pushModule(image, module, { keychain: new Map(), layoutBase: cwd });
    assert.ok(pushed.ok, JSON.stringify(pushed));
  }
  await mkdir(join(cwd, "filters"));
  const spec = { image: "oci-layout:./images:1.2", config: { value: "chain" } };
  const manifest = { apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: { name: "add-header" }, spec };
  await writeFile(join(cwd, "filters", "a.json"), JSON.stringify(manifest));

  const here = (line: string) => line.replace("registry.example", registry.host).replace("127.0.0.1:8080", `127.0.0.1:${app.port}`);
  for (const block of ["file", "image", "chain"]) {
    for (const line of lines(block)) {
      const { headers, logs } = await runLine(t, here(line), { cwd });
      const value = block === "chain" ? "chain" : "v1";
      assert.equal(headers.get("x-weir"), value, line);
      assert.match(logs, /add-header|images/, line);
      assert.match(logs, new RegExp(`response {2}\\+ x-weir: ${value}\n`), line);
      assert.equal(headers.get("x-path") !== null, line.includes("--upstream"), line);
    }
  }
  assert.match((await runLine(t, lines("skip")[0] ?? "", { cwd })).logs, /Envoy: Wasm VM failed/);
  await installEnvoyVersion("1.38.2");
  const older = await runLine(t, lines("older")[0] ?? "", { cwd });
  assert.match(older.logs, /Envoy 1\.38\.2 /);
  assert.equal(older.headers.get("x-weir"), "v1");
});

test("the commands that run a project do what docs/authors/running.md says", async (t) => {
  const cwd = await localFolder(t);
  const app = await startEchoApp();
  t.after(() => app.stop());
  const [init, cd, npm, dev] = lines("dev");
  assert.equal(cd, "cd my-filter");
  assert.equal((await (await startLine(t, init ?? "", { cwd })).exited).code, 0);
  const project = join(cwd, "my-filter");
  assert.equal((await (await startLine(t, npm ?? "", { cwd: project })).exited).code, 0);
  const { headers, logs } = await runLine(t, dev ?? "", { cwd: project });
  assert.equal(headers.get("x-hello"), "world");
  assert.match(logs, /in force my-filter: [0-9a-f]{12}, built in /);
  const upstream = (lines("upstream")[0] ?? "").replace("127.0.0.1:8080", `127.0.0.1:${app.port}`).replace("--listen 10000", "--listen 0");
  assert.notEqual((await runLine(t, upstream, { cwd })).headers.get("x-path"), null);
});

test("every command of docs/authors/running.md is run here", () => {
  assert.deepEqual(page.names().sort(), ["chain", "dev", "file", "image", "older", "skip", "upstream"]);
});
