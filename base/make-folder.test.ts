import assert from "node:assert/strict";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { makeFolder } from "./make-folder.ts";

test("makes all that is missing, also when others make it at the same time, and fails where nothing can be made", async (t) => {
  const root = await mkdtemp(join(tmpdir(), "weir-folder-"));
  t.after(() => rm(root, { recursive: true }));
  const path = join(root, "a", "b", "c");
  await Promise.all(Array.from({ length: 8 }, () => makeFolder(path, 0o700)));
  await makeFolder(path);
  assert.equal((await stat(join(root, "a"))).mode & 0o777, 0o700);
  await writeFile(join(root, "file"), "");
  await assert.rejects(makeFolder(join(root, "file")), { code: "EEXIST" });
  await assert.rejects(makeFolder(join(root, "file", "x")), { code: "ENOTDIR" });
  if (process.platform === "linux") await assert.rejects(makeFolder("/proc/weir/images"), { code: "ENOENT" });
});
