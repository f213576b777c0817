import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { readModule } from "./modules.ts";
import { readConfiguration } from "./verify-spec.ts";

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
