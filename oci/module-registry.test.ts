import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { digestOf } from "../model/digest.ts";
import { reply } from "./testing/fake-registry.ts";
import { addArtifact, addBlob, addIndex, addManifest, createContent, tar, wasm } from "./testing/images.ts";
import { layouts } from "./testing/layouts.ts";
import { anonymous, keeping, MODULE, registryOn, withFake } from "./testing/module-registry.ts";
import { failed, valued } from "./testing/result.ts";

describe("resolving", () => {
  for (const [name, build] of Object.entries(layouts)) {
    test(`a module comes out of: ${name}`, async () => {
      const content = createContent();
      const { digest } = await build(content, MODULE);
      await withFake(content, async (fake) => {
        const { registry } = await registryOn();
        const image = `${fake.host}/filters/f:v1`;
        assert.equal(valued(await registry.resolve(image, undefined, anonymous)), digest);
        const module = valued(await registry.pull(image, digest, anonymous));
        assert.equal(module.digest, digest);
        assert.equal(module.wasmDigest, digestOf(MODULE));
        assert.equal(module.size, MODULE.byteLength);
        assert.deepEqual(await registry.read(module.wasmDigest), MODULE);
      });
    });
  }

  test("an index is followed to its one wasm-bearing manifest, and either digest works as a pin", async () => {
    const content = createContent();
    const artifact = addArtifact(content, MODULE);
    const attestation = addManifest(content, "application/vnd.oci.image.config.v1+json", [
      addBlob(content, "application/vnd.in-toto+json", Buffer.from("{}")),
    ]);
    const index = addIndex(
      content,
      [
        { ...attestation, annotations: { "vnd.docker.reference.type": "attestation-manifest" } },
        { ...artifact, platform: { architecture: "wasm", os: "wasip1" } },
      ],
      "multi",
    );
    await withFake(content, async (fake) => {
      const { registry, dataDir } = await registryOn();
      const image = `${fake.host}/f:multi`;
      for (const pin of [undefined, index.digest, artifact.digest]) {
        assert.equal(valued(await registry.resolve(image, pin, anonymous)), artifact.digest);
      }
      const module = valued(await registry.pull(image, artifact.digest, anonymous));
      assert.equal(module.digest, artifact.digest);
      assert.notEqual(module.digest, index.digest);
      await fake.stop();
      const { registry: restarted } = await registryOn({ dataDir });
      const kept = keeping(artifact.digest);
      assert.equal(valued(await restarted.resolve(image, index.digest, kept)), artifact.digest);
      assert.equal(valued(await restarted.pull(image, artifact.digest, kept)).wasmDigest, digestOf(MODULE));
    });
  });

  test("an index that was read without one of its images decides nothing for the next who asks", async () => {
    const content = createContent();
    const [second, preferred] = [
      addManifest(content, "application/vnd.oci.image.config.v1+json", [
        addBlob(content, "application/vnd.oci.image.layer.v1.tar", await tar([{ name: "plugin.wasm", bytes: MODULE }])),
      ]),
      addArtifact(content, wasm("preferred")),
    ];
    addIndex(content, [preferred, second], "multi");
    await withFake(content, async (fake) => {
      fake.intercept = ({ url }, response) => {
        const isLeftOut = url?.startsWith("/v2/evil/") === true && url.includes(preferred.digest);
        if (isLeftOut) reply(response, 404, {});
        return isLeftOut;
      };
      const { registry } = await registryOn();
      assert.equal(valued(await registry.resolve(`${fake.host}/evil/app:multi`, undefined, anonymous)), second.digest);
      assert.equal(valued(await registry.resolve(`${fake.host}/victim/app:multi`, undefined, anonymous)), preferred.digest);
    });
  });

  test("an index whose images carry different modules is refused with their digests", async () => {
    const content = createContent();
    const [a, b] = [addArtifact(content, wasm("a")), addArtifact(content, wasm("b"))];
    addIndex(content, [a, b], "two");
    await withFake(content, async (fake) => {
      const { registry } = await registryOn();
      const result = await registry.resolve(`${fake.host}/f:two`, undefined, anonymous);
      const resultFailure = failed(result, "AmbiguousIndex");
      assert.ok(resultFailure.message.includes(a.digest) && resultFailure.message.includes(b.digest));
    });
  });

  test("a moved tag is seen at the next resolve, and a known digest costs one HEAD", async () => {
    const content = createContent();
    const first = addArtifact(content, wasm("one"), "latest");
    await withFake(content, async (fake) => {
      const { registry } = await registryOn();
      const image = `${fake.host}/f`;
      assert.equal(valued(await registry.resolve(image, undefined, anonymous)), first.digest);
      valued(await registry.pull(image, first.digest, anonymous));
      fake.requests.length = 0;
      assert.equal(valued(await registry.resolve(image, undefined, anonymous)), first.digest);
      assert.deepEqual(
        fake.requests.map(({ method }) => method),
        ["HEAD"],
      );
      const second = addArtifact(content, wasm("two"), "latest");
      assert.equal(valued(await registry.resolve(image, undefined, anonymous)), second.digest);
      assert.equal(valued(await registry.resolve(image, first.digest, anonymous)), first.digest);
    });
  });
});

describe("pulling", () => {
  test("many askers share one pull, and read hands out one array", async () => {
    const content = createContent();
    const { digest } = addArtifact(content, MODULE, "v1");
    await withFake(content, async (fake) => {
      const { registry } = await registryOn();
      const pulls = Array.from({ length: 20 }, (_, i) =>
        registry.pull(`${fake.host}/f:v${i}`, digest, { ...anonymous, namespace: `team-${i}` }),
      );
      for (const pulled of await Promise.all(pulls)) valued(pulled);
      assert.equal(fake.requests.filter(({ path }) => path.includes("/blobs/")).length, 1);
      const [a, b] = await Promise.all([registry.read(digestOf(MODULE)), registry.read(digestOf(MODULE))]);
      assert.ok(a !== undefined && a === b);
      assert.equal(await registry.read(digestOf(MODULE)), a);
    });
  });

  test("one caller's wrong credentials do not fail another's pull of the same digest", async () => {
    const content = createContent();
    const { digest } = addArtifact(content, MODULE, "v1");
    await withFake(content, async (fake) => {
      const authorized = `Basic ${Buffer.from("right:pw").toString("base64")}`;
      const asked = Promise.withResolvers<void>();
      fake.intercept = (request, response) => {
        asked.resolve();
        if (request.headers.authorization === authorized) return false;
        reply(response, 401, { "www-authenticate": 'Basic realm="r"' });
        return true;
      };
      const { registry } = await registryOn();
      const image = `${fake.host}/f:v1`;
      const as = (username: string) =>
        registry.pull(image, digest, { ...anonymous, keychain: new Map([[fake.host, [{ username, password: "pw" }]]]) });
      const wrong = as("wrong");
      await asked.promise; // a pull that "right" had begun would serve "wrong" too
      const right = as("right");
      failed(await wrong, "AccessDenied");
      assert.equal(valued(await right).digest, digest);
    });
  });

  test("a caller that cancels leaves the pull to the others", async () => {
    const content = createContent();
    const { digest } = addArtifact(content, MODULE, "v1");
    await withFake(content, async (fake) => {
      const asked = Promise.withResolvers<void>();
      const release = Promise.withResolvers<void>();
      fake.intercept = (request, response) => {
        if (!request.url?.includes("/blobs/")) return false;
        asked.resolve();
        void release.promise.then(() => reply(response, 200, {}, MODULE));
        return true;
      };
      const { registry } = await registryOn();
      const controller = new AbortController();
      const leaver = registry.pull(`${fake.host}/f:v1`, digest, { ...anonymous, signal: controller.signal });
      const stayer = registry.pull(`${fake.host}/f:v1`, digest, anonymous);
      await asked.promise;
      controller.abort();
      failed(await leaver, "Canceled");
      release.resolve();
      assert.equal(valued(await stayer).digest, digest);
      assert.equal(fake.requests.filter(({ path }) => path.includes("/blobs/")).length, 1);
    });
  });
});

describe("urls and folders", () => {
  test("a url source is pulled once, proven by its sha256, and served from the store afterwards", async () => {
    const content = createContent();
    const layer = addBlob(content, "application/wasm", MODULE);
    await withFake(content, async (fake) => {
      const { registry } = await registryOn();
      const url = `http://${fake.host}/v2/f/blobs/${layer.digest}?token=hunter2`;
      const module = valued(await registry.pullUrl(url, layer.digest, anonymous));
      assert.deepEqual([module.digest, module.wasmDigest], [layer.digest, layer.digest]);
      const wrong = await registry.pullUrl(url, digestOf(wasm("other")), anonymous);
      const wrongFailure = failed(wrong, "DigestMismatch");
      assert.ok(
        !wrongFailure.message.includes("hunter2") && wrongFailure.message.split(layer.digest.slice(7)).length === 2,
        "only in the URL",
      );
      const missing = await registry.pullUrl(`http://${fake.host}/nowhere?token=hunter2`, digestOf(wasm("other")), anonymous);
      const missingFailure = failed(missing, "ModuleNotFound");
      assert.ok(!missingFailure.message.includes("hunter2"));
      await fake.stop();
      assert.equal(valued(await registry.pullUrl(url, layer.digest, anonymous)).wasmDigest, layer.digest);
    });
  });

  test("a url that is no http(s) URL, or holds a password, is refused without quoting it", async () => {
    const { registry } = await registryOn();
    for (const url of ["file:///etc/passwd", "not a url", "https://user:hunter2@r.example/x.wasm"]) {
      const result = await registry.pullUrl(url, digestOf(MODULE), anonymous);
      const resultFailure = failed(result, "InvalidURL");
      assert.ok(!resultFailure.message.includes("hunter2"));
    }
  });

  test("oci-layout folders are refused unless they are allowed", async () => {
    const { registry } = await registryOn();
    const result = await registry.resolve("oci-layout:/etc:passwd", undefined, anonymous);
    const resultFailure = failed(result, "InvalidReference");
    assert.match(resultFailure.message, /not available here/);
  });
});
