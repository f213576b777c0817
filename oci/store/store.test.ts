import assert from "node:assert/strict";
import { readdir, truncate, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { digestOf } from "../../model/digest.ts";
import { type Log, silentLog } from "../../model/log.ts";
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
  test("a damaged file in the store is removed, reported, and pulled again", async () => {
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
      assert.match(JSON.stringify(warnings), new RegExp(digestOf(MODULE)));
      const record = join(dataDir, "modules", "manifests", `${digest.slice(7)}.json`);
      await writeFile(record, "{ not json");
      const { registry: again } = await registryOn({ dataDir, log });
      valued(await again.pull(image, digest, anonymous));
      assert.equal(warnings.length, 3);
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
      const { registry, dataDir } = await registryOn({ maxStoreBytes: 2100 });
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
      registry.retain(() => new Set([a.digest]));
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
