import assert from "node:assert/strict";
import { mkdir, readdir, truncate, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { digestOf } from "../../model/digest.ts";
import { type Log, silentLog } from "../../model/log.ts";
import { createFakeClock } from "../../model/testing/fake-clock.ts";
import { addArtifact, createContent, wasm } from "../testing/images.ts";
import { anonymous, keeping, MODULE, registryOn, until, withFake } from "../testing/module-registry.ts";
import { failed, valued } from "../testing/result.ts";

describe("reading", () => {
  test("after a restart many reads at once still hand out one array", async () => {
    const content = createContent();
    const { digest } = addArtifact(content, MODULE, "v1");
    await withFake(content, async (fake) => {
      const { registry, dataDir } = await registryOn();
      valued(await registry.pull(`${fake.host}/f:v1`, digest, anonymous));
      const { registry: restarted } = await registryOn({ dataDir });
      const arrays = await Promise.all(Array.from({ length: 5 }, () => restarted.read(digestOf(MODULE))));
      assert.deepEqual(arrays[0], MODULE);
      assert.equal(new Set(arrays).size, 1);
    });
  });

  test("a digest in the store is served when the registry is gone and the process was restarted", async () => {
    const content = createContent();
    const { digest } = addArtifact(content, MODULE, "v1");
    await withFake(content, async (fake) => {
      const image = `${fake.host}/f:v1`;
      const { registry, dataDir } = await registryOn();
      valued(await registry.pull(image, digest, anonymous));
      await fake.stop();
      const { registry: restarted } = await registryOn({ dataDir });
      assert.equal(valued(await restarted.resolve(image, digest, keeping(digest))), digest);
      assert.equal(valued(await restarted.pull(image, digest, keeping(digest))).wasmDigest, digestOf(MODULE));
      assert.deepEqual(await restarted.read(digestOf(MODULE)), MODULE);
      const byTag = await restarted.resolve(image, undefined, anonymous);
      assert.ok(failed(byTag, "RegistryUnavailable").retryable);
    });
  });

  test("whether a module is in the store is told after a restart too, and not of a file that is damaged or gone", async () => {
    const content = createContent();
    const { digest } = addArtifact(content, MODULE, "v1");
    await withFake(content, async (fake) => {
      const image = `${fake.host}/f:v1`;
      const { registry, dataDir } = await registryOn();
      assert.equal(await registry.has(digestOf(MODULE)), false);
      valued(await registry.pull(image, digest, anonymous));
      assert.equal(await registry.has(digestOf(MODULE)), true);
      const { registry: restarted } = await registryOn({ dataDir });
      assert.equal(await restarted.has(digestOf(MODULE)), true);
      const file = join(dataDir, "modules", "blobs", "sha256", digestOf(MODULE).slice(7));
      await writeFile(file, wasm("changed", 5000));
      const { registry: suspicious } = await registryOn({ dataDir });
      assert.equal(await suspicious.has(digestOf(MODULE)), false);
      assert.equal(await restarted.has(digestOf(MODULE)), false, "the damaged file was removed");
      valued(await restarted.pull(image, digest, anonymous));
      assert.equal(await restarted.has(digestOf(MODULE)), true);
    });
  });
});

describe("damage", () => {
  test("a damaged file in the store is set aside, reported, and pulled again", async () => {
    const content = createContent();
    const { digest } = addArtifact(content, MODULE, "v1");
    await withFake(content, async (fake) => {
      const image = `${fake.host}/f:v1`;
      const { registry, dataDir } = await registryOn();
      valued(await registry.pull(image, digest, anonymous));
      const file = join(dataDir, "modules", "blobs", "sha256", digestOf(MODULE).slice(7));
      const warnings: unknown[] = [];
      const log: Log = { ...silentLog, warn: (message, facts) => warnings.push([message, facts]) };
      for (const damage of [() => truncate(file, 100), () => writeFile(file, wasm("changed", 5000))]) {
        await damage();
        const { registry: restarted } = await registryOn({ dataDir, log });
        assert.equal(await restarted.read(digestOf(MODULE)), undefined);
        valued(await restarted.pull(image, digest, anonymous));
        assert.deepEqual(await restarted.read(digestOf(MODULE)), MODULE);
      }
      assert.equal(warnings.length, 2);
      assert.deepEqual(await readdir(join(dataDir, "modules", "damaged")), [digestOf(MODULE).slice(7)]);
      assert.match(JSON.stringify(warnings), new RegExp(digestOf(MODULE)));
      const record = join(dataDir, "modules", "manifests", `${digest.slice(7)}.json`);
      await writeFile(record, "{ not json");
      const { registry: again } = await registryOn({ dataDir, log });
      valued(await again.pull(image, digest, anonymous));
      assert.equal(warnings.length, 3);
    });
  });
});

describe("what a killed process left", () => {
  test("is removed by the next one, and nothing else is", async () => {
    const content = createContent();
    const { digest } = addArtifact(content, MODULE, "v1");
    await withFake(content, async (fake) => {
      const { registry, dataDir } = await registryOn();
      valued(await registry.pull(`${fake.host}/f:v1`, digest, anonymous));
      const folders = ["blobs/sha256", "manifests", "indexes"].map((name) => join(dataDir, "modules", name));
      for (const folder of folders) {
        await mkdir(folder, { recursive: true });
        await writeFile(join(folder, ".tmp-half"), MODULE.subarray(0, 100));
        await utimes(join(folder, ".tmp-half"), 1000, 1000);
      }
      const { registry: restarted } = await registryOn({ dataDir });
      await restarted.pull(`${fake.host}/f:v1`, digest, keeping(digest));
      const left = await Promise.all(folders.map((folder) => readdir(folder)));
      assert.deepEqual(left.flat(), [digestOf(MODULE).slice(7), `${digest.slice(7)}.json`]);
      assert.deepEqual(await restarted.read(digestOf(MODULE)), MODULE);
    });
  });
});

describe("the scrub", () => {
  test("finds a file that was damaged behind the server's back, at its pace, and tells whoever needs it", async () => {
    const content = createContent();
    const modules = [wasm("a", 3 << 20), wasm("b", 3 << 20)];
    const digests = modules.map((module) => addArtifact(content, module).digest);
    await withFake(content, async (fake) => {
      const clock = createFakeClock(Date.now());
      const { registry, dataDir } = await registryOn({ clock, scrub: { intervalMs: 3_600_000, bytesPerSecond: 1 << 20 } });
      for (const digest of digests) valued(await registry.pull(`${fake.host}/f:x`, digest, anonymous));
      const [a, b] = modules.map((module) => digestOf(module));
      assert.ok(a && b);
      const lost: string[] = [];
      registry.onLost((digest) => lost.push(digest));
      const file = join(dataDir, "modules", "blobs", "sha256", b.slice(7));
      await utimes(file, 1000, 1000);
      await writeFile(file, wasm("c", 3 << 20));
      await utimes(file, 1000, 1000);
      assert.equal(await registry.has(b), true, "nobody has looked since");
      const ends = clock.now() + 600_000 + 60_000;
      let took = 0;
      for (; lost.length === 0 && clock.now() < ends; took += 1_000) {
        await clock.advance(took === 0 ? 600_000 : 1_000);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      assert.deepEqual(lost, [b]);
      assert.ok(took >= 3_000, `3 MiB and more at 1 MiB a second, in ${took} ms`);
      assert.equal(await registry.has(b), false);
      assert.equal(await registry.has(a), true);
    });
  });
});

describe("eviction", () => {
  test("evicts the least recently used beyond the limit, never what is retained, and nothing before it is told", async () => {
    const content = createContent();
    const modules = ["a", "b", "c", "d"].map((name) => ({
      name,
      wasm: wasm(name, 1000),
      digest: addArtifact(content, wasm(name, 1000)).digest,
    }));
    await withFake(content, async (fake) => {
      const clock = createFakeClock(Date.now());
      const { registry, dataDir } = await registryOn({ maxStoreBytes: 2100, clock });
      for (const { digest } of modules) valued(await registry.pull(`${fake.host}/f:x`, digest, anonymous));
      const folder = join(dataDir, "modules", "blobs", "sha256");
      const present = async () => {
        const files = new Set(await readdir(folder));
        return modules.flatMap(({ name, wasm }) => (files.has(digestOf(wasm).slice(7)) ? [name] : [])).join("");
      };
      assert.equal(await present(), "abcd");
      for (const [i, { wasm }] of modules.entries()) await utimes(join(folder, digestOf(wasm).slice(7)), 1000 + i, 1000 + i);
      const { registry: reader } = await registryOn({ dataDir });
      const [a, b, c] = modules;
      assert.ok(a && b && c && (await reader.read(digestOf(b.wasm))) !== undefined);
      registry.retain(() => undefined);
      await clock.advance(1_000);
      registry.retain(() => new Set([a.digest]));
      await clock.advance(1_000);
      assert.equal(await present(), "abcd", "a proof, or a write to the API server, may be under way for each of them");
      await clock.advance(600_000);
      await until(async () => (await present()).length === 2);
      assert.equal(await present(), "ab");
      fake.requests.length = 0;
      valued(await registry.pull(`${fake.host}/f:x`, c.digest, anonymous));
      await until(async () => (await present()).length === 2);
      assert.equal(await present(), "ac", "what was just pulled stays");
      assert.equal(fake.requests.filter(({ path }) => path.includes("/blobs/")).length, 1);
    });
  });
});
