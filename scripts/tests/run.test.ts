import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

const RUN = new URL("./run.ts", import.meta.url).href;

test("a file whose test fails and leaves something open ends, and the others are run", async () => {
  const folder = await mkdtemp(join(tmpdir(), "weir-run-"));
  try {
    const files = [join(folder, "leaks.mjs"), join(folder, "other.mjs")];
    const leaks = 'import { test } from "node:test"; test("leaks", () => { setInterval(() => {}, 1_000); throw new Error("it failed"); });';
    await writeFile(files[0] ?? "", leaks);
    await writeFile(files[1] ?? "", 'import { test } from "node:test"; test("is run", () => {});');
    const limits = { concurrency: 1, testMs: 20_000, totalMs: 20_000 };
    const main = join(folder, "main.mjs");
    const source = `import { runTests } from ${JSON.stringify(RUN)};
      const { passed, stopped } = await runTests(${JSON.stringify(files)}, ${JSON.stringify(limits)});
      console.log(JSON.stringify({ passed, stopped }));`;
    await writeFile(main, source);
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const { stdout } = await promisify(execFile)(process.execPath, [main], { env: { ...env, WEIR_LINGER_MS: "500" } });
    assert.match(stdout, /it failed/);
    assert.match(stdout, /✔ is run/);
    assert.match(stdout, /^{"passed":false,"stopped":false}$/m);
  } finally {
    await rm(folder, { recursive: true });
  }
});
