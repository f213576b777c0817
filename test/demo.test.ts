import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { startProcess } from "./support/process.ts";

test("the demo ends with more than 5,000 requests over at least 6 changes, none failed and none unfiltered", {
  timeout: 300_000,
}, async (t) => {
  const script = fileURLToPath(new URL("../scripts/demo.ts", import.meta.url));
  const demo = await startProcess(process.execPath, [script], { name: "the demo" });
  const { code } = await demo.exited;
  const last = demo.logs().trimEnd().split("\n").at(-1) ?? "";
  const account = /^(\d+) requests across (\d+) changes: (\d+) failed, (\d+) unfiltered\.$/.exec(last);
  assert.ok(account, `the last line is "${last}"\n${demo.logs()}`);
  const [requests = 0, changes = 0, failed, unfiltered] = account.slice(1).map(Number);
  t.diagnostic(last);
  assert.ok(requests > 5_000 && changes >= 6, last);
  assert.deepEqual({ failed, unfiltered, code }, { failed: 0, unfiltered: 0, code: 0 });
});
