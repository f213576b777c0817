import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { describe, test } from "node:test";
import { digestOf } from "../../model/digest.ts";
import { fetchWhole, findImage, type Image } from "../image/image.ts";
import { reply, sendBlob } from "../testing/fake-registry.ts";
import { MODULE, onBlob, withRemote } from "../testing/remote.ts";
import { failed, valued } from "../testing/result.ts";

/** Sends the first `bytes` of an answer that promised more, then cuts the connection. */
function breakOff(response: ServerResponse, blob: Uint8Array, from: number, bytes: number): void {
  const status = from > 0 ? 206 : 200;
  response.writeHead(status, {
    "content-length": blob.byteLength - from,
    ...(from > 0 && { "content-range": `bytes ${from}-${blob.byteLength - 1}/${blob.byteLength}` }),
  });
  response.write(blob.subarray(from, from + bytes), () => response.destroy());
}

const rangeStart = (request: IncomingMessage) => Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);

describe("blobs", () => {
  test("a blob that breaks off is taken up where it ended", async () => {
    let tries = 0;
    const intercept = onBlob((request, response) => {
      if (++tries < 3) breakOff(response, MODULE, rangeStart(request), 100_000);
      else sendBlob(request, response, MODULE);
    });
    await withRemote(intercept, async ({ fake, module }) => {
      assert.deepEqual(valued(await module()), MODULE);
      const ranges = fake.requests.filter(({ path }) => path.includes("/blobs/")).map(({ headers }) => headers.range);
      assert.equal(ranges.length, 3);
      assert.equal(ranges[0], undefined);
      assert.match(ranges[1] ?? "", /^bytes=[1-9]\d*-$/);
    });
  });

  test("a registry that ignores Range starts the blob over", async () => {
    let tries = 0;
    const intercept = onBlob((_request, response) => {
      if (++tries === 1) breakOff(response, MODULE, 0, 100_000);
      else reply(response, 200, {}, MODULE);
    });
    await withRemote(intercept, async ({ module }) => assert.deepEqual(valued(await module()), MODULE));
  });

  test("a truncated blob is told from a wrong one", async () => {
    const short = onBlob((request, response) => sendBlob(request, response, MODULE.subarray(0, 1000)));
    await withRemote(short, async ({ module }) => {
      const failure = failed(await module(), "TruncatedBlob");
      assert.match(failure.message, new RegExp(`ended after 1000 of ${MODULE.byteLength} bytes`));
      assert.ok(failure.retryable);
    });
    const breaking = onBlob((request, response) => breakOff(response, MODULE, rangeStart(request), 10));
    await withRemote(breaking, async ({ fake, module }) => {
      failed(await module(), "TruncatedBlob");
      assert.ok(fake.requests.length < 10, "gives up after a few tries");
    });
    const changed = MODULE.slice();
    changed[changed.length - 1] = 7;
    const wrong = onBlob((request, response) => sendBlob(request, response, changed));
    await withRemote(wrong, async ({ module }) => {
      const failure = failed(await module(), "DigestMismatch");
      assert.ok(failure.message.includes(digestOf(MODULE)) && !failure.message.includes(digestOf(changed)));
      assert.ok(!failure.retryable);
    });
  });

  test("a blob longer than its descriptor is cut off at once", async () => {
    let sent = 0;
    const endless = onBlob((_request, response) => {
      response.writeHead(200);
      const pour = () => {
        if (response.destroyed || sent > 50_000_000) return;
        sent += 65_536;
        response.write(new Uint8Array(65_536), pour);
      };
      pour();
    });
    await withRemote(endless, async ({ module }) => {
      failed(await module(), "DigestMismatch");
      assert.ok(sent < 20_000_000, `the registry could send ${sent} bytes`);
    });
  });

  test("a layer beyond the limit is refused before a byte of it is fetched", async () => {
    await withRemote(
      () => false,
      async ({ fake, repository }) => {
        const image = valued(await findImage(repository, "v1"));
        failed(await fetchWhole(repository, image, { moduleBytes: 1000, archiveBytes: 1000 }), "ModuleTooLarge");
        const small: Image = { ...image, moduleLayer: { form: "wasm", layer: { ...image.moduleLayer.layer, size: 2 ** 50 } } };
        failed(await fetchWhole(repository, small, { moduleBytes: 1 << 20, archiveBytes: 1 }), "ModuleTooLarge");
        assert.ok(!fake.requests.some(({ path }) => path.includes("/blobs/")));
      },
    );
  });
});
