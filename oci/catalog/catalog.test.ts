import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import type { Digest } from "../../model/digest.ts";
import { emptyKeychain } from "../credentials/keychain.ts";
import { openReference } from "../open.ts";
import { pushModule } from "../push.ts";
import { attach } from "../repository/referrers.ts";
import { startFakeRegistry } from "../testing/fake-registry.ts";
import { addIndex, wasm } from "../testing/images.ts";
import { failed, valued } from "../testing/result.ts";
import { createCatalog, parseCatalogRepository } from "./catalog.ts";

const encode = (text: string) => new TextEncoder().encode(text);

async function startScene(t: TestContext) {
  const fake = await startFakeRegistry();
  t.after(fake.stop);
  const name = `${fake.host}/filters/f`;
  const catalog = createCatalog({ repositories: [name], keychainFor: async () => emptyKeychain, waitMs: 10_000 });
  const push = async (tag: string, module: string, options: object = {}): Promise<Digest> =>
    valued(await pushModule(`${name}:${tag}`, wasm(module), { keychain: emptyKeychain, ...options })).digest;
  return { fake, name, catalog, push };
}

describe("the catalog", () => {
  test("nothing is read before somebody looks; tags that lead to the same are one image, the newest first", async (t) => {
    const { fake, name, catalog, push } = await startScene(t);
    const one = await push("1.0", "one", { annotations: { "org.opencontainers.image.title": "One" }, tags: ["1"] });
    const two = await push("2.0", "two", { annotations: { "org.opencontainers.image.title": "Two" } });
    fake.requests.length = 0;
    assert.equal(catalog.repositories.length, 1);
    assert.equal(fake.requests.length, 0);
    const summary = await catalog.summary(name);
    assert.deepEqual([summary.value?.tag, summary.value?.tags, summary.value?.description.title], ["2.0", 3, "Two"]);
    const images = (await catalog.images(name)).value?.images ?? [];
    assert.deepEqual(
      images.map(({ tags, digest, manifests }) => ({ tags, digest, manifests })),
      [
        { tags: ["2.0"], digest: two, manifests: [two] },
        { tags: ["1.0", "1"], digest: one, manifests: [one] },
      ],
    );
    const asked = fake.requests.length;
    await Promise.all([catalog.summary(name), catalog.images(name)]);
    assert.equal(fake.requests.length, asked, "a fresh answer asks nobody");
    assert.ok(
      fake.requests.every(({ method, path }) => method === "GET" && !path.includes("/blobs/")),
      "no module is fetched",
    );
  });

  test("a README is a layer, of an image or of one in an index, or refers to the image; a long one is cut", async (t) => {
    const { fake, name, catalog, push } = await startScene(t);
    const inside = await push("1", "one", { readme: encode("# inside") });
    const long = await push("2", "two", { readme: encode("a line\n".repeat(10_000)) });
    const beside = await push("3", "three");
    const none = await push("4", "four");
    const { repository } = valued(openReference(`${name}:3`, emptyKeychain, {}));
    const subject = valued(await repository.manifest("3"));
    valued(await attach(repository, subject, { mediaType: "text/markdown", bytes: encode("# beside") }));
    const manifest = valued(await repository.manifest(inside));
    const index = addIndex(fake.content, [{ mediaType: manifest.mediaType, digest: inside, size: manifest.bytes.byteLength }], "5");
    const text = async (digest: Digest) => (await catalog.readme(name, digest)).value?.readme;
    assert.deepEqual(await text(inside), { text: "# inside", isCut: false });
    assert.deepEqual(await text(index.digest), { text: "# inside", isCut: false });
    assert.deepEqual(await text(beside), { text: "# beside", isCut: false });
    assert.deepEqual(await catalog.readme(name, none).then(({ value }) => value), { readme: undefined });
    const cut = await text(long);
    assert.equal(cut?.isCut, true);
    assert.ok(cut.text.length <= 32 << 10 && cut.text.endsWith("a line"));
    const images = (await catalog.images(name)).value?.images ?? [];
    assert.deepEqual(images.find(({ tags }) => tags.includes("5"))?.manifests, [inside]);
    assert.deepEqual(
      images.find(({ tags }) => tags.includes("3"))?.referrers.map(({ artifactType }) => artifactType),
      ["text/markdown"],
    );
  });

  test("what cannot be read is told where it is, and does not hide the rest", async (t) => {
    const { fake, name, catalog, push } = await startScene(t);
    await push("1", "one");
    fake.content.manifests.set(`sha256:${"0".repeat(64)}`, { bytes: encode("no JSON"), mediaType: "text/plain" });
    fake.content.tags.set("2", `sha256:${"0".repeat(64)}`);
    const images = (await catalog.images(name)).value?.images ?? [];
    assert.match(images[0]?.problem ?? "", /does not match|is not JSON|digest/);
    assert.equal(images[1]?.problem, undefined);
    await fake.stop();
    const other = createCatalog({ repositories: [name], keychainFor: async () => emptyKeychain, waitMs: 10_000 });
    assert.match((await other.summary(name)).problem ?? "", new RegExp(fake.host));
  });

  test("a repository is named by its registry, without tag and digest", () => {
    assert.equal(valued(parseCatalogRepository("registry.example/filters/f")), "registry.example/filters/f");
    assert.equal(valued(parseCatalogRepository("Registry.Example:5000/f")), "registry.example:5000/f");
    assert.equal(valued(parseCatalogRepository("docker.io/library/f")), "docker.io/library/f");
    assert.equal(valued(parseCatalogRepository("oci-layout:images")), "oci-layout:images");
    const digest = `sha256:${"a".repeat(64)}`;
    for (const wrong of [
      "",
      "f",
      "team/f",
      "registry.example",
      "registry.example/f:1",
      "registry.example/f:latest",
      `registry.example/f@${digest}`,
    ])
      failed(parseCatalogRepository(wrong), "InvalidReference");
  });
});
