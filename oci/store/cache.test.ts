import assert from "node:assert/strict";
import { mkdir, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { digestOf } from "../../model/digest.ts";
import { createFakeClock } from "../../model/testing/fake-clock.ts";
import { addArtifact, createContent, wasm } from "../testing/images.ts";
import { anonymous, registryOn, until, withFake } from "../testing/module-registry.ts";
import { failed, valued } from "../testing/result.ts";
import { openModuleStore } from "./cache.ts";

test("a stopped server's store is listed, verified and pruned by what the server wrote down, and nothing else is touched", async () => {
  const content = createContent();
  const modules = ["needed", "late", "old", "older"].map((name) => wasm(name, 1_000));
  const digests = modules.map((module) => addArtifact(content, module).digest);
  await withFake(content, async (fake) => {
    const clock = createFakeClock(Date.now());
    const { registry, dataDir } = await registryOn({ clock });
    for (const digest of digests) valued(await registry.pull(`${fake.host}/team/f:x`, digest, anonymous));
    const folder = join(dataDir, "modules");
    const store = openModuleStore(dataDir);
    assert.equal((await store.list())[0]?.isNeeded, undefined, "nothing was written down");
    failed(await store.prune(0), "NeededUnknown");

    const [needed, late, old, older] = modules.map((module) => digestOf(module));
    assert.ok(needed && late && old && older && digests[0]);
    const only = digests[0];
    registry.retain(() => new Set([only]));
    await clock.advance(20_000);
    const note = join(folder, "needed.txt");
    await until(async () => (await readdir(folder)).includes("needed.txt"));
    const used = [needed, old, older].map((digest, i) => utimes(join(folder, "blobs/sha256", digest.slice(7)), 3_000 - i, 3_000 - i));
    await Promise.all([...used, utimes(note, 4_000, 4_000)]);
    await writeFile(join(folder, "manifests", ".tmp-half"), "{");
    await utimes(join(folder, "manifests", ".tmp-half"), 1_000, 1_000);
    const listed = await store.list();
    assert.deepEqual(
      listed.map(({ wasmDigest, isNeeded }) => [wasmDigest, isNeeded]),
      [
        [late, true],
        [needed, true],
        [old, false],
        [older, false],
      ],
    );
    assert.deepEqual(listed[0]?.from, [`${fake.host}/team/f`]);
    const size = listed[0]?.size ?? 0;
    assert.deepEqual(await store.verify(), []);
    assert.deepEqual(valued(await store.prune(3 * size + 10)), { modules: 1, bytes: size + 1, halfWritten: 1 });
    assert.deepEqual(valued(await store.prune(0)), { modules: 1, bytes: listed[2]?.size, halfWritten: 0 });
    assert.deepEqual(
      (await store.list()).map(({ wasmDigest }) => wasmDigest),
      [late, needed],
    );

    await writeFile(join(folder, "blobs/sha256", late.slice(7)), "damaged");
    assert.deepEqual(await store.verify(), [late]);
    assert.ok((await readdir(join(folder, "blobs/sha256"))).includes(late.slice(7)), "it only tells");
  });
});

test("a folder without a store has no modules, and is not made", async () => {
  const { dataDir } = await registryOn();
  await rm(join(dataDir, "modules"), { recursive: true, force: true });
  await mkdir(dataDir, { recursive: true });
  const store = openModuleStore(dataDir);
  assert.deepEqual([await store.list(), await store.damaged(), await store.verify()], [[], [], []]);
  assert.deepEqual(await readdir(dataDir), []);
});
