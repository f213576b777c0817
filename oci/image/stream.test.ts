import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { digestOf } from "../../model/digest.ts";
import { httpOptions } from "../open.ts";
import { createRemoteRepository } from "../registry/client.ts";
import { startFakeRegistry } from "../testing/fake-registry.ts";
import { addArtifact, addBlob, addManifest, compress, createContent, tar, wasm } from "../testing/images.ts";
import { valued } from "../testing/result.ts";
import { fetchUrl } from "../url-source.ts";
import { defaultLimits, fetchModule, findImage } from "./image.ts";
import type { ModuleSink } from "./sink.ts";

const MIB = 1 << 20;
const SIZE = 6 * MIB;
/** What is on its way: chunks of sockets, windows of decompressors. */
const MOST = MIB;

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

/** Throws the bytes away; looks now and then at how much of them is alive. */
function watching(): ModuleSink & { most: number; size: number } {
  const alive = () => {
    collectGarbage();
    collectGarbage(); // what the first found is freed beside it
    return process.memoryUsage().arrayBuffers;
  };
  const before = alive();
  return {
    most: 0,
    size: 0,
    async write(pieces) {
      let next = 0;
      for await (const piece of pieces) {
        this.size += piece.byteLength;
        if (this.size < next) continue;
        next += 2 * MIB;
        this.most = Math.max(this.most, alive() - before);
      }
    },
  };
}

describe("a module goes to the disk as it comes: of a large one only a little is in memory", () => {
  test("from a layer that is the module, from one that is an archive, and from a URL", async (t) => {
    const module = wasm("large", SIZE);
    module.set(randomBytes(SIZE - 64), 64);
    const content = createContent();
    addArtifact(content, module, "raw");
    const archive = compress.gzip(await tar([{ name: "plugin.wasm", bytes: module }]));
    const layer = addBlob(content, "application/vnd.oci.image.layer.v1.tar+gzip", archive);
    addManifest(content, "application/vnd.oci.image.config.v1+json", [layer], "archive");
    const fake = await startFakeRegistry(content);
    t.after(() => fake.stop());
    const http = httpOptions({});
    const reference = { kind: "registry", registry: fake.host, repository: "a", tag: "raw", digest: undefined } as const;
    const repository = createRemoteRepository(reference, { http, credentials: [] });
    const ways: Readonly<Record<string, (sink: ModuleSink) => Promise<unknown>>> = {
      raw: async (sink) => valued(await fetchModule(repository, valued(await findImage(repository, "raw")), defaultLimits, sink)),
      archive: async (sink) => valued(await fetchModule(repository, valued(await findImage(repository, "archive")), defaultLimits, sink)),
      url: async (sink) => {
        const wanted = { url: `http://${fake.host}/v2/a/blobs/${digestOf(module)}`, digest: digestOf(module), limit: SIZE * 2 };
        valued(await fetchUrl(http, wanted, sink, new AbortController().signal));
      },
    };
    for (const [name, fetch] of Object.entries(ways)) {
      const sink = watching();
      await fetch(sink);
      t.diagnostic(`${name}: ${(sink.most / MIB).toFixed(1)} MiB of ${Math.round(sink.size / MIB)} at once`);
      assert.equal(sink.size, module.byteLength);
      assert.ok(sink.most < MOST, `${name}: ${sink.most} bytes in memory`);
    }
  });
});
