import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { findTests } from "./suite.ts";

test("a test file that is no file is told as what it is", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "weir-suite-"));
  t.after(() => rm(folder, { recursive: true }));
  const at = (name: string) => join(folder, `${name}.weir.yaml`);
  await mkdir(at("folder"));
  execFileSync("mkfifo", [at("pipe")]);
  const said = async (path: string) => {
    const found = await findTests(folder, [path]);
    return found.ok ? "" : found.error.message;
  };
  assert.equal(await said(at("none")), `there is no file ${at("none")}`);
  assert.equal(await said(at("folder")), `${at("folder")} is a folder, and no file; name a file of tests`);
  assert.equal(await said(at("pipe")), `${at("pipe")} is a named pipe, and no file; name a file of tests`);
});
