import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { revision } from "../../testing/test-folder.ts";
import { createFolderStore, type StoredFilter } from "./store.ts";

async function openStore(t: TestContext) {
  const dataDir = await mkdtemp(join(tmpdir(), "weir-store-"));
  t.after(() => rm(dataDir, { recursive: true }));
  const damaged: string[] = [];
  const store = createFolderStore(dataDir);
  return { store, folder: join(dataDir, "filters", "shop"), damaged, onDamage: (path: string) => void damaged.push(path) };
}

function stored(name: string): StoredFilter {
  const metadata = { name, namespace: "shop", uid: `uid-${name}`, generation: 1 };
  return { file: "a.yaml", metadata, spec: { image: "r.example/f:1" }, status: undefined };
}

test("a filter that cannot be read for now is a failure of the disk, one that is damaged is told, one that is not there is none", async (t) => {
  const { store, folder, damaged, onDamage } = await openStore(t);
  assert.deepEqual(await store.load(onDamage), []);
  for (const name of ["a", "b", "c"]) await store.save(stored(name));
  await writeFile(join(folder, "b", "filter.json"), "{");
  await rm(join(folder, "c", "filter.json"));
  assert.deepEqual(
    (await store.load(onDamage)).map(({ metadata }) => metadata.name),
    ["a"],
  );
  assert.deepEqual(damaged, [join(folder, "b", "filter.json")]);
  await symlink("filter.json", join(folder, "c", "filter.json")); // ELOOP, as EMFILE or EIO
  await assert.rejects(store.load(onDamage), /ELOOP/);
});

test("a filter is removed with its revisions at once, and what was left in between goes at the next start", async (t) => {
  const { store, folder, onDamage } = await openStore(t);
  const key = { namespace: "shop", name: "f" };
  await store.save(stored("f"));
  await store.saveRevision(key, revision(1));
  await store.remove(key);
  await store.remove(key);
  assert.deepEqual(await readdir(join(folder, "..")), ["shop"], "nothing is left");
  assert.deepEqual(await readdir(folder), []);
  // As a crash leaves it: now, and when earlier versions removed one file after the other.
  await mkdir(join(folder, "..", ".tmp-gone", "revisions"), { recursive: true });
  await store.saveRevision(key, revision(1));
  await store.load(onDamage);
  assert.deepEqual(await readdir(join(folder, "..")), ["shop"]);
  assert.deepEqual(await store.revisions(key, onDamage), [], "a new filter of this name inherits none");
});

test("a revision that cannot be read for now is a failure of the disk, one that is damaged is told", async (t) => {
  const { store, folder, damaged, onDamage } = await openStore(t);
  const revisions = join(folder, "f", "revisions");
  await mkdir(revisions, { recursive: true });
  await writeFile(join(revisions, "1.json"), "{");
  const read = () => store.revisions({ namespace: "shop", name: "f" }, onDamage);
  assert.deepEqual(await read(), []);
  assert.deepEqual(damaged, [join(revisions, "1.json")]);
  await symlink("2.json", join(revisions, "2.json")); // ELOOP, as EMFILE or EIO
  await assert.rejects(read(), /ELOOP/);
});
