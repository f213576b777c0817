import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createFakeClock } from "../../model/testing/fake-clock.ts";
import { json, reply } from "../testing/fake-registry.ts";
import { type Intercept, MODULE, withRemote } from "../testing/remote.ts";
import { failed, valued } from "../testing/result.ts";
import { retryAfterOf } from "./retry-after.ts";

const NOW = Date.parse("2026-11-26T12:00:00Z");
const read = (value: string) => retryAfterOf(new Headers({ "retry-after": value }), NOW);

test("Retry-After is seconds or a date, at most an hour, and nothing else", () => {
  assert.equal(read("17"), 17_000);
  assert.equal(read("0"), 0);
  assert.equal(read("Thu, 26 Nov 2026 12:00:30 GMT"), 30_000);
  assert.equal(read("Thu, 26 Nov 2026 11:00:00 GMT"), 0);
  assert.equal(read("999999999"), 3_600_000);
  assert.equal(read("Fri, 31 Dec 9999 23:59:59 GMT"), 3_600_000);
  for (const value of ["", "soon", "-1", "1.5", "1e3", "99999999999", "Thu, nonsense"]) assert.equal(read(value), undefined, value);
  assert.equal(retryAfterOf(new Headers(), NOW), undefined);
});

/** Refuses the first requests for what has this in its path. */
function refusing(part: string, times: number, status: number, after?: string): Intercept {
  let left = times;
  return (request, response) => {
    if (!request.url?.includes(part) || left-- <= 0) return false;
    json(response, status, { errors: [{ code: "TOOMANYREQUESTS" }] }, after === undefined ? {} : { "retry-after": after });
    return true;
  };
}

describe("a registry that has too much to do", () => {
  for (const [status, part] of [
    [429, "/manifests/"],
    [503, "/blobs/"],
    [429, "/blobs/"],
  ] as const) {
    test(`with ${status} for ${part} is asked again when it said, twice at most`, async () => {
      await withRemote(refusing(part, 2, status, "0"), async ({ open, module, fake }) => {
        assert.deepEqual(valued(await module(open({ random: () => 0 }))), MODULE);
        assert.equal(fake.requests.filter(({ path }) => path.includes(part)).length, 3);
      });
      await withRemote(refusing(part, 9, status, "0"), async ({ open, module, fake }) => {
        const failure = failed(await module(open({ random: () => 0 })), status === 429 ? "RateLimited" : "RegistryUnavailable");
        assert.deepEqual([failure.retryable, failure.retryAfterMs], [true, 0]);
        assert.equal(fake.requests.filter(({ path }) => path.includes(part)).length, 3);
      });
    });
  }

  test("is not waited for where it takes long or says nothing; when it wants to be asked again is told", async () => {
    for (const [after, ms] of [
      ["30", 30_000],
      [undefined, undefined],
    ] as const) {
      await withRemote(refusing("/manifests/", 1, 429, after), async ({ fake, module }) => {
        const failure = failed(await module(), "RateLimited");
        assert.equal(failure.retryAfterMs, ms);
        assert.equal(fake.requests.length, 1);
      });
    }
  });

  test("is waited for with jitter, and not longer than the caller does", async () => {
    const clock = createFakeClock();
    await withRemote(refusing("/tags/", 1, 429, "2"), async ({ open, fake }) => {
      const listing = open({ clock, random: () => 0.5 }).tags();
      while (fake.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      await new Promise((resolve) => setTimeout(resolve, 20));
      await clock.advance(2_249);
      assert.equal(fake.requests.length, 1);
      await clock.advance(1);
      assert.deepEqual(valued(await listing), ["v1"]);
    });
    await withRemote(refusing("/tags/", 1, 429, "2"), async ({ repository }) => {
      failed(await repository.tags(AbortSignal.timeout(30)), "Canceled");
    });
  });

  test("that issues tokens says when too", async () => {
    const intercept: Intercept = (request, response) => {
      if (request.url?.startsWith("/token")) reply(response, 429, { "retry-after": "40" });
      else reply(response, 401, { "www-authenticate": `Bearer realm="http://${request.headers.host}/token"` });
      return true;
    };
    await withRemote(intercept, async ({ module }) => assert.equal(failed(await module(), "RateLimited").retryAfterMs, 40_000));
  });
});
