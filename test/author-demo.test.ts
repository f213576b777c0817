import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ROOT } from "../scripts/tests/files.ts";
import { run } from "../scripts/tools/run.ts";

test("npm run demo:author: on a machine with Node only, from npm ci of a fresh clone to the header in Envoy", {
  timeout: 600_000,
  skip: !existsSync(join(ROOT, ".git")) && "this is no clone that could be cloned",
}, async (t) => {
  const demo = await run(process.execPath, [join(ROOT, "scripts/demo-author.ts"), "--language", "assemblyscript"]);
  assert.equal(demo.code, 0, `${demo.stdout}${demo.stderr}`);
  const commands = ["npm ci", "weir init", "weir build -t", "weir test", "weir push", "weir rmi", "weir run", "curl -si"];
  for (const command of commands) assert.ok(demo.stdout.includes(`$ ${command}`), command);
  assert.match(demo.stdout, /^ {3}x-hello: from a demo$/m);
  for (const line of demo.stdout.split("\n")) if (/# \d+\.\d s$| to the header$/.test(line)) t.diagnostic(line.trim());
});
