import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { readModule } from "./modules.ts";
import { readConfiguration } from "./verify-spec.ts";

test("a module that is not there, or is a folder, is told in words", async () => {
  const [missing, folder] = [await readModule("nothere.wasm"), await readModule(tmpdir())];
  assert.ok(!missing.ok && !folder.ok);
  assert.equal(missing.error.message, "nothere.wasm is not there; create it, or correct the path");
  assert.equal(folder.error.message, `${tmpdir()} is a folder; name a file in it`);
});

test("a file without an end is read as far as a module or a configuration may be", {
  skip: !existsSync("/dev/zero") && "no /dev/zero",
}, async () => {
  const module = await readModule("/dev/zero");
  assert.ok(!module.ok);
  assert.equal(module.error.reason, "ModuleTooLarge");
  const config = await readConfiguration("@/dev/zero");
  assert.ok(!config.ok);
  assert.equal(config.error.reason, "ConfigTooLarge");
});
