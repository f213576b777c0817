import assert from "node:assert/strict";
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { DIGEST, filter, image, KEY, openTestFolder, revision, until } from "../../testing/test-folder.ts";

describe("a folder that changes", () => {
  test("follows changes, new files and removed files, and tells which filters they touch", async (t) => {
    const { source, write, dir, told } = await openTestFolder(t, { "a.yaml": filter("a"), "b.yaml": filter("b") });
    await until(() => told.length === 2, "the first listing");
    told.length = 0;
    await write("a.yaml", filter("a", "a/b:2"));
    await until(() => image(source) === "a/b:2", "the changed image");
    await until(() => told.length > 0, "being told");
    assert.deepEqual(told, ["default/a"]);
    await write("c.yaml", filter("c"));
    await until(() => source.filters().has("default/c"), "the new filter");
    await rm(join(dir, "b.yaml"));
    await until(() => !source.filters().has("default/b"), "the removed filter");
  });

  test("counts changes of the spec as generations and keeps uid, generation and status over a restart", async (t) => {
    const { source, write, restart } = await openTestFolder(t, { "a.yaml": filter("a") });
    const uid = source.filters().get("default/a")?.metadata.uid ?? "";
    await write("a.yaml", `# a comment\n${filter("a").replace("{name: a}", "{name: a, labels: {x: z}}")}`);
    await until(() => source.filters().get("default/a")?.metadata.labels?.x === "z", "the label");
    assert.equal(source.filters().get("default/a")?.metadata.generation, 1);
    await write("a.yaml", filter("a", "a/b:2"));
    await until(() => source.filters().get("default/a")?.metadata.generation === 2, "generation 2");
    assert.deepEqual(await source.writeStatus(KEY, uid, { observedGeneration: 2, digest: DIGEST }), { ok: true, value: undefined });
    const again = await restart();
    const object = again.filters().get("default/a");
    assert.equal(object?.metadata.uid, uid);
    assert.equal(object?.metadata.generation, 2);
    assert.deepEqual(object?.status, { observedGeneration: 2, digest: DIGEST });
    await write("a.yaml", filter("a", "a/b:3"));
    await until(() => again.filters().get("default/a")?.metadata.generation === 3, "generation 3");
  });

  test("a spec that changed while nobody watched counts as a generation", async (t) => {
    const { write, restart } = await openTestFolder(t, { "a.yaml": filter("a") });
    await write("a.yaml", filter("a", "a/b:2"));
    assert.equal((await restart()).filters().get("default/a")?.metadata.generation, 2);
  });

  test("an object that is removed and made again is another one: new uid, no status, no revisions", async (t) => {
    const { source, write, dir } = await openTestFolder(t, { "a.yaml": filter("a") });
    const uid = source.filters().get("default/a")?.metadata.uid ?? "";
    await source.saveRevision(KEY, uid, revision(1));
    await source.writeStatus(KEY, uid, { revision: 1 });
    await rm(join(dir, "a.yaml"));
    await until(() => !source.filters().has("default/a"), "the removal");
    await write("a.yaml", filter("a"));
    await until(() => source.filters().has("default/a"), "the new object");
    const object = source.filters().get("default/a");
    assert.notEqual(object?.metadata.uid, uid);
    assert.equal(object?.status, undefined);
    assert.deepEqual(await source.revisions(KEY, object?.metadata.uid ?? ""), { ok: true, value: [] });
    const late = await source.writeStatus(KEY, uid, { revision: 1 });
    assert.ok(!late.ok && late.error.reason === "ObjectGone");
  });

  test("an editor that empties, deletes or renames a file while it writes takes no filter away", async (t) => {
    const { source, write, dir } = await openTestFolder(t, { "a.yaml": filter("a") });
    const uid = source.filters().get("default/a")?.metadata.uid;
    let missing = 0;
    source.onChange(() => {
      if (!source.filters().has("default/a")) missing++;
    });
    for (let i = 2; i < 12; i++) {
      const text = filter("a", `a/b:${i}`);
      if (i % 3 === 0) {
        await write("a.yaml", "");
        await write("a.yaml", text.slice(0, 60));
        await write("a.yaml", text);
      } else if (i % 3 === 1) {
        await rm(join(dir, "a.yaml"));
        await write("a.yaml", text);
      } else {
        await write("a.yaml~", text);
        await rename(join(dir, "a.yaml~"), join(dir, "a.yaml"));
      }
      await until(() => image(source) === `a/b:${i}`, `image ${i}`);
    }
    assert.equal(missing, 0);
    assert.equal(source.filters().get("default/a")?.metadata.uid, uid);
  });

  test("a folder that vanishes takes nothing away, and comes back by itself", async (t) => {
    const { source, dir, write, problems } = await openTestFolder(t, { "a.yaml": filter("a") });
    await rename(dir, `${dir}.away`);
    await until(() => problems.has(dir), "the problem");
    assert.match(problems.get(dir) ?? "", /does not exist/);
    assert.ok(source.filters().has("default/a"));
    await rename(`${dir}.away`, dir);
    await write("a.yaml", filter("a", "a/b:2"));
    await until(() => image(source) === "a/b:2", "the folder's return");
    assert.equal(problems.size, 0);
  });

  test("a file is taken over soon after it was written, whether in place or by renaming", async (t) => {
    const {
      source,
      dir,
      write,
      told: listed,
    } = await openTestFolder(t, { "a.yaml": filter("a", "a/b:0") }, { settleMs: 100, pollMs: 2_000 });
    await until(() => listed.length > 0, "the first listing");
    const waits = { "in place": [] as number[], "by renaming": [] as number[] };
    for (let i = 1; i <= 20; i++) {
      const told = Promise.withResolvers<number>();
      const forget = source.onChange(() => told.resolve(performance.now()));
      const way = i % 2 === 0 ? "in place" : "by renaming";
      if (way === "by renaming") await write(".next", filter("a", `a/b:${i}`));
      const start = performance.now();
      if (way === "by renaming") await rename(join(dir, ".next"), join(dir, "a.yaml"));
      else await write("a.yaml", filter("a", `a/b:${i}`));
      waits[way].push((await told.promise) - start);
      forget();
      assert.equal(image(source), `a/b:${i}`);
    }
    for (const [way, all] of Object.entries(waits)) {
      const median = all.sort((a, b) => a - b)[Math.floor(all.length / 2)] ?? Number.NaN;
      t.diagnostic(`written ${way} to told: median ${median.toFixed(1)} ms`);
      assert.ok(median < 90, `${way}: ${median} ms, as long as a file that may be half-written waits`);
    }
  });
});
