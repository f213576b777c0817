import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CONFIG_SCHEMA_TYPE } from "../../model/config-schema.ts";
import { digestOf } from "../../model/digest.ts";
import { httpOptions } from "../open.ts";
import { createRemoteRepository } from "../registry/client.ts";
import type { Repository } from "../repository/repository.ts";
import { startFakeRegistry } from "../testing/fake-registry.ts";
import {
  addBlob,
  addBlob512,
  addDocument,
  addIndex,
  addManifest,
  type Content,
  compress,
  createContent,
  type TestDescriptor,
  tar,
  wasm,
} from "../testing/images.ts";
import { failed, valued } from "../testing/result.ts";
import { readContent } from "./content.ts";
import { defaultLimits, fetchWhole, findImage } from "./image.ts";

const MODULE = wasm("the module", 3_000);

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

test("of an image whose module is known, a layer that is the module is not fetched again", async () => {
  const content = createContent();
  const layers = [addBlob(content, "application/wasm", wasm("m")), addBlob(content, "text/plain", Buffer.from("hi"))];
  addManifest(content, "application/vnd.wasm.config.v0+json", layers, "v1");
  const fake = await startFakeRegistry(content);
  try {
    const reference = { kind: "registry", registry: fake.host, repository: "a", tag: "v1", digest: undefined } as const;
    const remote = createRemoteRepository(reference, { http: httpOptions({}), credentials: [] });
    const image = valued(await findImage(remote, "v1"));
    const known = valued(await fetchWhole(remote, image, defaultLimits));
    const fetched: string[] = [];
    const repository: typeof remote = {
      ...remote,
      blob(blob, limit, signal) {
        fetched.push(blob.digest);
        return remote.blob(blob, limit, signal);
      },
    };
    const { blobs, read } = valued(await readContent(repository, image.manifest, undefined, known));
    for (const blob of blobs) assert.equal(digestOf(valued(await read(blob))), blob.digest);
    assert.deepEqual(
      fetched,
      blobs.map(({ digest }) => digest).filter((digest) => digest !== known.module.wasmDigest),
    );
    assert.equal(fetched.length, blobs.length - 1);
  } finally {
    await fake.stop();
  }
});

describe("shapes that other tools write", () => {
  const ARCHIVE = "application/vnd.oci.image.layer.v1.tar+gzip";
  const OCI = "application/vnd.oci.image.config.v1+json";
  /** An image of one platform, whose archive differs from others by `note`. */
  const platform = async (content: Content, architecture: string, note: string, module?: Uint8Array): Promise<TestDescriptor> => {
    const files = [
      { name: "note.txt", bytes: Buffer.from(note) },
      ...(module === undefined ? [] : [{ name: "plugin.wasm", bytes: module }]),
    ];
    const layer = addBlob(content, ARCHIVE, compress.gzip(await tar(files)));
    return { ...addManifest(content, OCI, [layer]), platform: { architecture, os: "linux" } };
  };
  const read = async (content: Content, tag: string) => {
    const fake = await startFakeRegistry(content);
    try {
      const reference = { kind: "registry", registry: fake.host, repository: "a", tag, digest: undefined } as const;
      const repository = createRemoteRepository(reference, { http: httpOptions({}), credentials: [] });
      const image = await findImage(repository, tag);
      if (!image.ok) return image;
      const fetched = await fetchWhole(repository, image.value, defaultLimits);
      return fetched.ok ? { ok: true as const, value: { ...image.value, bytes: fetched.value.bytes } } : fetched;
    } finally {
      await fake.stop();
    }
  };

  test("oras push of a file, with its default types", async () => {
    const content = createContent();
    const title = (name: string) => ({ annotations: { "org.opencontainers.image.title": name } });
    const module = { ...addBlob(content, "application/vnd.oci.image.layer.v1.tar", MODULE), ...title("add-header.wasm") };
    const readme = { ...addBlob(content, "application/vnd.oci.image.layer.v1.tar", Buffer.from("# Read me")), ...title("README.md") };
    const config = addBlob(content, "application/vnd.oci.empty.v1+json", Buffer.from("{}"));
    const common = { schemaVersion: 2, artifactType: "application/vnd.unknown.artifact.v1", config };
    addDocument(content, "application/vnd.oci.image.manifest.v1+json", { ...common, layers: [module, readme] }, "v1");
    assert.deepEqual(valued(await read(content, "v1")).bytes, MODULE);
  });

  test("Docker's tar.zstd", async () => {
    const content = createContent();
    const layer = addBlob(
      content,
      "application/vnd.docker.image.rootfs.diff.tar.zstd",
      compress.zstd(await tar([{ name: "plugin.wasm", bytes: MODULE }])),
    );
    addManifest(content, "application/vnd.docker.container.image.v1+json", [layer], "v1");
    assert.deepEqual(valued(await read(content, "v1")).bytes, MODULE);
  });

  test("an index of indexes, and one that leads on without end", async () => {
    const content = createContent();
    const inner = addIndex(content, [await platform(content, "amd64", "a", MODULE)]);
    addIndex(content, [addIndex(content, [inner])], "v1");
    assert.deepEqual(valued(await read(content, "v1")).bytes, MODULE);
    let deep = inner;
    for (let i = 0; i < 70; i++) deep = addIndex(content, [deep]);
    addIndex(content, [deep], "deep");
    assert.match(failed(await read(content, "deep"), "AmbiguousIndex").message, /an index of 65 images or more/);
    let wide: TestDescriptor[] = [inner];
    for (let i = 0; i < 6; i++) wide = [addIndex(content, [...wide, ...wide, ...wide])];
    addIndex(content, wide, "wide");
    failed(await read(content, "wide"), "AmbiguousIndex");
  });

  test("platforms with the same module in different archives are one image, with others they are not", async () => {
    const content = createContent();
    const first = await platform(content, "amd64", "a", MODULE);
    const same = [first, await platform(content, "arm64", "b", MODULE), await platform(content, "s390x", "without a module")];
    addIndex(content, same, "same");
    const found = valued(await read(content, "same"));
    assert.deepEqual([found.manifest.digest, found.bytes, found.isWholeIndex], [first.digest, MODULE, true]);
    addIndex(content, [...same, await platform(content, "riscv64", "c", wasm("another"))], "other");
    assert.match(failed(await read(content, "other"), "AmbiguousIndex").message, /index of 4 images that carry different modules/);
    const many = await Promise.all(Array.from({ length: 9 }, (_, i) => platform(content, `p${i}`, `${i}`, MODULE)));
    addIndex(content, many, "many");
    failed(await read(content, "many"), "AmbiguousIndex");
    addIndex(content, [await platform(content, "amd64", "x"), await platform(content, "arm64", "y")], "none");
    failed(await read(content, "none"), "AmbiguousIndex");
  });
});

async function opened(content: Content, run: (repository: Repository) => Promise<void>): Promise<void> {
  const fake = await startFakeRegistry(content);
  try {
    const reference = { kind: "registry", registry: fake.host, repository: "a", tag: "x", digest: undefined } as const;
    await run(createRemoteRepository(reference, { http: httpOptions({}), credentials: [] }));
  } finally {
    await fake.stop();
  }
}

const addImage = (content: Content, tag: string, config: object, layers: readonly object[]) =>
  addDocument(content, "application/vnd.oci.image.manifest.v1+json", { schemaVersion: 2, config, layers }, tag);

describe("digests by sha512", () => {
  test("name the module, whose own digest stays sha256, an archive with it, and what is beside it", async () => {
    const content = createContent();
    const config = addBlob512(content, "application/vnd.oci.empty.v1+json", Buffer.from("{}"));
    const archive = compress.gzip(await tar([{ name: "plugin.wasm", bytes: MODULE }]));
    const schema = addBlob512(content, CONFIG_SCHEMA_TYPE, Buffer.from('{"type":"object"}'));
    addImage(content, "module", config, [schema, addBlob512(content, "application/wasm", MODULE)]);
    addImage(content, "archive", config, [addBlob512(content, "application/vnd.oci.image.layer.v1.tar+gzip", archive)]);
    addImage(content, "beside", config, [schema, addBlob(content, "application/wasm", MODULE)]);
    await opened(content, async (repository) => {
      for (const tag of ["module", "archive", "beside"]) {
        const image = valued(await findImage(repository, tag));
        const { manifest, moduleLayer } = image;
        const { module, bytes } = valued(await fetchWhole(repository, image, defaultLimits));
        assert.deepEqual([bytes, module.wasmDigest, manifest.foreign], [MODULE, digestOf(MODULE), 0], tag);
        assert.equal(moduleLayer.layer.digest.startsWith("sha512:"), tag !== "beside");
        assert.deepEqual(module.configSchema, tag === "archive" ? undefined : { text: '{"type":"object"}' });
        const whole = valued(await readContent(repository, manifest));
        for (const blob of whole.blobs) valued(await whole.read(blob));
      }
    });
  });

  test("are checked: other content is refused", async () => {
    const content = createContent();
    const layer = addBlob512(content, "application/wasm", MODULE);
    addImage(content, "module", layer, [layer]);
    content.blobs.set(layer.digest, wasm("other", MODULE.byteLength - wasm("other").byteLength));
    await opened(content, async (repository) => {
      const image = valued(await findImage(repository, "module"));
      failed(await fetchWhole(repository, image, defaultLimits), "DigestMismatch");
    });
  });
});

describe("digests by another hash", () => {
  const OTHER = { mediaType: "application/spdx+json", digest: `blake3:${"a".repeat(64)}`, size: 3 };
  test("beside the module they are in nobody's way; as the module they are named", async () => {
    const content = createContent();
    const module = addBlob(content, "application/wasm", wasm("m"));
    addImage(content, "beside", OTHER, [OTHER, module]);
    addImage(content, "module", module, [{ ...OTHER, mediaType: "application/wasm" }]);
    const beside = addImage(content, "short", module, [module, { ...OTHER, digest: "sha512:aa" }]);
    const strange = { ...OTHER, digest: `sha512:${"a".repeat(128)}` };
    addDocument(content, "application/vnd.oci.image.index.v1+json", { schemaVersion: 2, manifests: [OTHER, strange, beside] }, "index");
    await opened(content, async (repository) => {
      const found = valued(await findImage(repository, "beside"));
      assert.deepEqual([found.moduleLayer.layer.digest, found.manifest.foreign], [module.digest, 2]);
      assert.match(failed(await readContent(repository, found.manifest), "InvalidManifest").message, /names 2 blobs by another hash/);
      assert.match(failed(await findImage(repository, "module"), "NoWasmLayer").message, /and 1 by another hash than sha256 or sha512/);
      failed(await findImage(repository, "short"), "InvalidManifest");
      assert.match(failed(await findImage(repository, "index"), "NoWasmLayer").message, /; 2 more are named by another hash than sha256/);
    });
  });
});
