import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createFolderStore } from "./store.ts";

test("a revision that cannot be read for now is a failure of the disk, one that is damaged is told", async (t) => {
  const dataDir = await mkdtemp(join(tmpdir(), "weir-store-"));
  t.after(() => rm(dataDir, { recursive: true }));
  const folder = join(dataDir, "filters", "shop", "f", "revisions");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "1.json"), "{");
  const damaged: string[] = [];
  const read = () => createFolderStore(dataDir).revisions({ namespace: "shop", name: "f" }, (path) => void damaged.push(path));
  assert.deepEqual(await read(), []);
  assert.deepEqual(damaged, [join(folder, "1.json")]);
  await symlink("2.json", join(folder, "2.json")); // ELOOP, as EMFILE or EIO
  await assert.rejects(read(), /ELOOP/);
});
