import assert from "node:assert/strict";
import { readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { filter, KEY, openTestFolder, revision, secret, until } from "../../testing/test-folder.ts";

describe("what a folder source keeps", () => {
  test("Secrets are never written to the data folder", async (t) => {
    const { source, dataDir } = await openTestFolder(t, { "a.yaml": `${filter("a")}---\n${secret("s", "k", "hunter2")}` });
    const uid = source.filters().get("default/a")?.metadata.uid ?? "";
    const settings = { ...revision(1).settings, config: "hunter2" };
    assert.ok((await source.saveRevision(KEY, uid, revision(1, { settings, secretConfig: { name: "s", key: "k" } }))).ok);
    await source.writeStatus(KEY, uid, { revision: 1 });
    for (const path of await readdir(dataDir, { recursive: true, withFileTypes: true })) {
      if (path.isFile()) assert.ok(!(await readFile(join(path.parentPath, path.name), "utf8")).includes("hunter2"), path.name);
    }
    const kept = await source.revisions(KEY, uid);
    assert.ok(kept.ok);
    assert.equal(kept.value[0]?.settings.config, "");
  });

  test("keeps revisions in rising order, over restarts, until they are deleted", async (t) => {
    const { source, restart, dataDir } = await openTestFolder(t, { "a.yaml": filter("a") });
    const uid = source.filters().get("default/a")?.metadata.uid ?? "";
    for (const number of [2, 10, 1]) assert.ok((await source.saveRevision(KEY, uid, revision(number))).ok);
    assert.ok((await source.saveRevision(KEY, uid, revision(2))).ok);
    assert.ok((await source.deleteRevision(KEY, uid, 1)).ok);
    assert.ok((await source.deleteRevision(KEY, uid, 1)).ok);
    const again = await restart();
    assert.deepEqual(await again.revisions(KEY, uid), { ok: true, value: [revision(2), revision(10)] });
    await writeFile(join(dataDir, "filters/default/a/revisions/2.json"), '{"number": 2');
    assert.deepEqual(await again.revisions(KEY, uid), { ok: true, value: [revision(10)] });
    assert.deepEqual(await again.revisions(KEY, "another uid"), { ok: true, value: [] });
  });

  test("a status that is there already is not written again; one written while another write runs is on the disk too", async (t) => {
    const { source, dataDir } = await openTestFolder(t, { "a.yaml": filter("a") });
    const uid = source.filters().get("default/a")?.metadata.uid ?? "";
    await Promise.all(Array.from({ length: 50 }, (_, revision) => source.writeStatus(KEY, uid, { revision })));
    const file = join(dataDir, "filters/default/a/filter.json");
    assert.deepEqual((JSON.parse(await readFile(file, "utf8")) as { status: unknown }).status, { revision: 49 });
    await rm(file);
    assert.ok((await source.writeStatus(KEY, uid, { revision: 49 })).ok);
    await assert.rejects(readFile(file));
  });

  test("a data folder that cannot be written is a failure that may pass, and passes", async (t) => {
    const { source, dataDir } = await openTestFolder(t, { "a.yaml": filter("a") });
    const uid = source.filters().get("default/a")?.metadata.uid ?? "";
    const dir = join(dataDir, "filters/default/a");
    await rm(dir, { recursive: true });
    await writeFile(dir, "in the way");
    const failed = await source.writeStatus(KEY, uid, { revision: 1 });
    assert.ok(!failed.ok && failed.error.retryable && failed.error.reason === "StorageFailed");
    await rm(dir);
    assert.ok((await source.writeStatus(KEY, uid, { revision: 1 })).ok);
    assert.match(await readFile(join(dir, "filter.json"), "utf8"), /"revision": 1/);
  });

  test("a data folder that cannot be read is not taken for an empty one: the start waits until it can", async (t) => {
    const { source, restart, dataDir } = await openTestFolder(t, { "a.yaml": filter("a") }, { pollMs: 20 });
    const uid = source.filters().get("default/a")?.metadata.uid;
    await source.stop();
    const file = join(dataDir, "filters/default/a/filter.json");
    await rename(file, `${file}.away`);
    await symlink("filter.json", file); // ELOOP, as EMFILE or EIO
    const again = restart();
    assert.equal(await Promise.race([again, setTimeout(200, "it waits")]), "it waits");
    await rename(`${file}.away`, file);
    assert.equal((await again).filters().get("default/a")?.metadata.uid, uid);
  });

  test("a filter of the same name gets no revisions of one whose removal failed", async (t) => {
    const { source, dataDir, dir, write } = await openTestFolder(t, { "a.yaml": filter("a") });
    const uid = source.filters().get("default/a")?.metadata.uid ?? "";
    assert.ok((await source.saveRevision(KEY, uid, revision(1))).ok);
    // Nothing can be put where what is removed would go.
    const filters = join(dataDir, "filters");
    await rename(filters, `${filters}.away`);
    await writeFile(filters, "in the way");
    await rm(join(dir, "a.yaml"));
    await until(() => source.filters().size === 0, "the filter to go");
    await write("a.yaml", filter("a"));
    await until(() => source.filters().size === 1, "the next one");
    await rm(filters);
    await rename(`${filters}.away`, filters);
    const next = source.filters().get("default/a")?.metadata.uid ?? "";
    assert.notEqual(next, uid);
    const file = join(filters, "default/a/filter.json");
    await until(async () => (await readFile(file, "utf8").catch(() => "")).includes(next), "its identity to be written");
    assert.deepEqual(await source.revisions(KEY, next), { ok: true, value: [] });
  });
});
