import assert from "node:assert/strict";
import { test } from "node:test";
import { checkLockfile, completed, type Lockfile, missingEntries } from "./lockfile.ts";

const lock: Lockfile = {
  lockfileVersion: 3,
  packages: {
    "": { version: "1.0.0" },
    "node_modules/tool": {
      version: "2.0.0",
      dev: true,
      optionalDependencies: { "tool-linux-x64": "2.0.0", "tool-linux-arm64-musl": "2.0.0" },
    },
    "node_modules/tool-linux-x64": { version: "2.0.0", integrity: "sha512-x", dev: true, optional: true },
  },
};

test("a platform package that the registry did not carry is added, limited to its platform", () => {
  assert.deepEqual(missingEntries(lock), {
    "node_modules/tool-linux-arm64-musl": { version: "2.0.0", os: ["linux"], cpu: ["arm64"], libc: ["musl"], dev: true, optional: true },
  });
  assert.deepEqual(missingEntries(completed(lock)), {});
  assert.deepEqual(completed(lock).packages["node_modules/tool-linux-x64"], lock.packages["node_modules/tool-linux-x64"]);
});

test("the project's own lockfile holds every platform, so that npm ci accepts it anywhere", async () => {
  assert.deepEqual(await checkLockfile(), []);
});
