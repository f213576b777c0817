import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { digestOf } from "../model/digest.ts";
import { createFakeClock } from "../model/testing/fake-clock.ts";
import { MemorySink } from "./image/sink.ts";
import { httpOptions, type OciOptions } from "./open.ts";
import { type FakeRegistry, reply, sendBlob, startFakeRegistry } from "./testing/fake-registry.ts";
import { wasm } from "./testing/images.ts";
import { failed, valued } from "./testing/result.ts";
import { fetchUrl } from "./url-source.ts";

const MODULE = wasm("from a url", 300_000);

async function serving(intercept: FakeRegistry["intercept"], options: OciOptions = {}, limit = 1 << 20) {
  const fake = await startFakeRegistry();
  fake.intercept = (request, response) => {
    if (!intercept(request, response)) reply(response, 200, { "content-type": "application/wasm" }, MODULE);
    return true;
  };
  const sink = new MemorySink();
  const wanted = { url: `http://${fake.host}/f.wasm?token=hunter2`, digest: digestOf(MODULE), limit };
  try {
    const fetched = await fetchUrl(httpOptions({ random: () => 0, ...options }), wanted, sink, new AbortController().signal);
    return { fetched, bytes: sink.bytes, requests: fake.requests };
  } finally {
    await fake.stop();
  }
}

describe("a module at a URL", () => {
  test("is taken as it comes, with what it says to be", async () => {
    const { fetched, bytes } = await serving(() => false);
    const digest = digestOf(MODULE);
    assert.deepEqual(valued(fetched), { digest, wasmDigest: digest, size: MODULE.byteLength, mediaType: "application/wasm" });
    assert.deepEqual(bytes, MODULE);
  });

  test("that breaks off is taken up where it ended, and started over where the server cannot", async () => {
    for (const resumes of [true, false]) {
      let asked = 0;
      const { fetched, bytes, requests } = await serving((request, response) => {
        if (++asked > 1) {
          if (resumes) sendBlob(request, response, MODULE);
          return resumes;
        }
        response.writeHead(200, { "content-length": MODULE.byteLength });
        response.write(MODULE.subarray(0, 100_000), () => response.destroy());
        return true;
      });
      valued(fetched);
      assert.deepEqual(bytes, MODULE);
      assert.match(requests[1]?.headers.range ?? "", /^bytes=[1-9]\d*-$/);
    }
  });

  test("that comes encoded is decoded", async () => {
    const { fetched, bytes } = await serving((_, response) => {
      reply(response, 200, { "content-encoding": "gzip" }, new Uint8Array(gzipSync(MODULE)));
      return true;
    });
    valued(fetched);
    assert.deepEqual(bytes, MODULE);
  });

  test("that is larger than allowed, or other than its digest, is refused", async () => {
    failed((await serving(() => false, {}, 1_000)).fetched, "ModuleTooLarge");
    const other = await serving((_, response) => {
      reply(response, 200, {}, wasm("other"));
      return true;
    });
    assert.doesNotMatch(failed(other.fetched, "DigestMismatch").message, /hunter2/);
  });
});

describe("a server of modules that has too much to do", () => {
  for (const [status, reason] of [
    [429, "RateLimited"],
    [503, "RegistryUnavailable"],
  ] as const) {
    const busy = (times: number, after?: string): FakeRegistry["intercept"] => {
      let left = times;
      return (_, response) => {
        if (left-- <= 0) return false;
        reply(response, status, after === undefined ? {} : { "retry-after": after });
        return true;
      };
    };

    test(`with ${status} is asked again when it said, twice at most`, async () => {
      const answered = await serving(busy(2, "0"));
      valued(answered.fetched);
      assert.equal(answered.requests.length, 3);
      const refused = await serving(busy(9, "0"));
      assert.equal(failed(refused.fetched, reason).retryAfterMs, 0);
      assert.equal(refused.requests.length, 3);
    });

    test(`with ${status} for long says when to come again`, async () => {
      const { fetched, requests } = await serving(busy(1, "40"));
      const failure = failed(fetched, reason);
      assert.deepEqual([failure.retryable, failure.retryAfterMs, requests.length], [true, 40_000, 1]);
      assert.match(failure.message, /; try again in 40 s$/);
      const dated = await serving(busy(1, new Date(70_000).toUTCString()), { clock: createFakeClock(10_000) });
      assert.equal(failed(dated.fetched, reason).retryAfterMs, 60_000);
      assert.equal(failed((await serving(busy(1))).fetched, reason).retryAfterMs, undefined);
    });
  }
});
