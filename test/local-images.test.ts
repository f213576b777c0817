import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createArtifact, inspectIn, openLocalImages, parseReference } from "../oci/index.ts";
import { wasm } from "../oci/testing/images.ts";
import { valued } from "../oci/testing/result.ts";
import { startProcess } from "./support/process.ts";
import { createTempFolder } from "./support/temp-folder.ts";

/** A process that keeps `count` images of 40 kB under names of its own and moves one tag, then says "done". */
function writer(directory: string, who: string, count: number) {
  const url = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
  const script = `
    import { createArtifact, openLocalImages, parseReference } from ${url("../oci/index.ts")};
    import { wasm } from ${url("../oci/testing/images.ts")};
    const images = openLocalImages(${JSON.stringify(directory)}, { maxReplaced: 3 });
    const put = async (name, content) => {
      const kept = await images.put(parseReference("registry.example/me/" + name).value, createArtifact(wasm(content, 40_000)));
      if (!kept.ok) throw new Error(kept.error.message);
    };
    for (let i = 0; i < ${count}; i++) {
      await put("${who}:" + i, "${who} " + i);
      await put("shared:dev", "${who} " + i);
      if (i % 3 === 2) await images.remove("registry.example/me/${who}:" + (i - 1));
    }
    console.log("done");`;
  const args = ["--disable-warning=ExperimentalWarning", "--input-type=module", "-e", script];
  return startProcess(process.execPath, args, { name: `writer ${who}` });
}

/** Every image that is listed can be read whole, with its digests. */
async function readAll(directory: string): Promise<readonly string[]> {
  const images = openLocalImages(directory);
  const all = valued(await images.list());
  for (const { name } of all) {
    assert.ok(name !== undefined);
    valued(await inspectIn(images.repository(name), name));
  }
  return all.flatMap(({ name }) => (name?.tag === undefined ? [] : [`${name.repository}:${name.tag}`]));
}

test("processes that keep and remove images at once lose none of each other's", async () => {
  const folder = await createTempFolder("local-images");
  const directory = join(folder.path, "images");
  const writers = await Promise.all(["a", "b", "c"].map((who) => writer(directory, who, 12)));
  for (const each of writers) {
    assert.equal((await each.exited).code, 0, each.logs());
    assert.match(each.logs(), /done/);
  }
  const kept = Array.from({ length: 12 }, (_, i) => i).filter((i) => i % 3 !== 1);
  const expected = ["a", "b", "c"].flatMap((who) => kept.map((i) => `me/${who}:${i}`));
  assert.deepEqual([...(await readAll(directory))].sort(), [...expected, "me/shared:dev"].sort());
  await folder.remove();
});

test("a process that is killed in the middle leaves images that are whole, and nobody waiting", async (t) => {
  const folder = await createTempFolder("local-images");
  const directory = join(folder.path, "images");
  const images = openLocalImages(directory);
  const seen = async () => valued(await images.list()).length;
  let left = 0;
  for (let round = 0; round < 8; round++) {
    const killed = await writer(directory, `r${round}`, 1_000);
    t.after(() => killed.stop());
    // Somewhere in the middle of writing: another place each time.
    while ((await seen()) <= left + 1) await sleep(20);
    await sleep(round * 11);
    process.kill(killed.pid, "SIGKILL");
    await killed.exited;
    await readAll(directory);
    const own = valued(parseReference("registry.example/me/own:1"));
    assert.ok(own.kind === "registry");
    valued(await images.put(own, createArtifact(wasm(`round ${round}`))));
    valued(await images.remove("registry.example/me/own:1"));
    left = await seen();
  }
  t.diagnostic(`${left} images after 8 kills`);
  await folder.remove();
});
