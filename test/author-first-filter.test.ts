import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { test } from "node:test";
import { ROOT } from "../scripts/tests/files.ts";
import { installEnvoy } from "../scripts/tools/envoy.ts";
import { outsideNpm, runOk } from "../scripts/tools/run.ts";
import { startProcess } from "./support/process.ts";
import { startRegistry } from "./support/registry.ts";
import { createSnippets } from "./support/snippets.ts";
import { createTempFolder } from "./support/temp-folder.ts";

test("the page about a first filter: each command and each change of it, from nothing to an image that is proved", {
  timeout: 240_000,
}, async (t) => {
  const page = await createSnippets("authors/first-filter");
  const folder = await createTempFolder("first-filter");
  t.after(() => folder.remove());
  const registry = await startRegistry();
  t.after(() => registry.stop());
  const machine = outsideNpm();
  const env = {
    ...machine,
    PATH: `${join(ROOT, "bin")}${delimiter}${machine.PATH}`,
    XDG_DATA_HOME: join(folder.path, "data"),
    ENVOY: await installEnvoy(),
  };
  const project = join(folder.path, "my-filter");
  const text = (name: string) => page.text(name).replaceAll("registry.example", registry.host);
  const play = (name: string, cwd = project) => runOk("sh", ["-ec", text(name)], { cwd, env });

  await play("make", folder.path);
  const built = await play("build");
  assert.match(built, /build\/my-filter\.wasm/);
  assert.match(built, /\d+ passed\n$/);

  const running = await startProcess("sh", ["-c", `exec ${text("run")}`], { cwd: project, env, name: "weir run" });
  try {
    const port = await running.waitFor("where to ask", (logs) => /curl -i http:\/\/127\.0\.0\.1:(\d+)/.exec(logs)?.[1]);
    const shown = /^ {4}(x-hello: .*)$/m.exec(await readFile(join(ROOT, "docs/authors/first-filter.md"), "utf8"))?.[1];
    assert.equal((await runOk("sh", ["-ec", text("ask").replace("PORT", port)], { env })).trim(), shown);
  } finally {
    await running.stop();
  }

  const source = join(project, "assembly/filter.ts");
  const before = await readFile(source, "utf8");
  const counting = before
    .replace(/\/\*\* The filter with its configuration.*\n.*\n.*\n/, text("counter"))
    .replace(/ {2}onResponseHeaders[\s\S]*?\n {2}}\n/, text("count"));
  assert.equal(counting.split("requests").length, 4, "both changes were made");
  await writeFile(source, counting);
  await writeFile(join(project, "tests/count.weir.yaml"), text("count-case"));
  assert.match(await play("again"), /requests are counted[\s\S]*\d+ passed\n$/);

  assert.match(await play("ship"), /sha256:[0-9a-f]{64}/);
  await writeFile(join(project, "filter.yaml"), text("filter"));
  const image = `${registry.host}/me/my-filter:0.1`;
  await runOk("weir", ["rmi", image], { cwd: project, env });
  assert.match(await runOk("weir", ["verify", image, "-f", "filter.yaml"], { cwd: project, env }), /x-hello: hello/);
});
