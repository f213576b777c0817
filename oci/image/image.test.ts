import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { httpOptions } from "../open.ts";
import { createRemoteRepository } from "../registry/client.ts";
import { startFakeRegistry } from "../testing/fake-registry.ts";
import { addBlob, addDocument, addManifest, createContent, wasm } from "../testing/images.ts";
import { failed } from "../testing/result.ts";
import { findImage } from "./image.ts";

describe("images that carry no module", () => {
  test("an image with no module, two modules, or a foreign manifest is refused by name", async () => {
    const content = createContent();
    const text = addBlob(content, "text/plain", Buffer.from("hi"));
    addManifest(content, "application/vnd.oci.image.config.v1+json", [text], "none");
    const layers = ["a", "b"].map((name) => addBlob(content, "application/wasm", wasm(name)));
    addManifest(content, "application/vnd.wasm.config.v0+json", layers, "two");
    addDocument(content, "application/vnd.docker.distribution.manifest.v1+prettyjws", { schemaVersion: 1, fsLayers: [] }, "old");
    addDocument(content, "application/json", { schemaVersion: 2, layers: [], manifests: [], config: {} }, "both");
    addDocument(
      content,
      "application/json",
      { schemaVersion: 2, layers: [{ mediaType: "application/wasm", digest: "sha512:aa", size: 3 }], config: text },
      "sha512",
    );
    addDocument(content, "application/json", { schemaVersion: 2, layers: [{ ...text, size: -1 }], config: text }, "negative");
    const fake = await startFakeRegistry(content);
    try {
      const repository = createRemoteRepository(
        { kind: "registry", registry: fake.host, repository: "a", tag: "v1", digest: undefined },
        { http: httpOptions({}), credentials: [] },
      );
      assert.match(failed(await findImage(repository, "none"), "NoWasmLayer").message, /text\/plain/);
      failed(await findImage(repository, "two"), "SeveralWasmLayers");
      assert.match(failed(await findImage(repository, "old"), "InvalidManifest").message, /schema 1/);
      assert.match(failed(await findImage(repository, "both"), "InvalidManifest").message, /both layers and manifests/);
      assert.match(failed(await findImage(repository, "sha512"), "InvalidManifest").message, /sha512/);
      assert.match(failed(await findImage(repository, "negative"), "InvalidManifest").message, /no size/);
    } finally {
      await fake.stop();
    }
  });
});
