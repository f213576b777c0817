import assert from "node:assert/strict";
import { test } from "node:test";
import type { ApiRequest, KubeApi } from "../../../model/kube.ts";
import { ok } from "../../../model/result.ts";
import { TOO_LARGE } from "./api.ts";
import { listAll } from "./pages.ts";

/** An API server with these objects, `bytes` each. */
function serving(count: number, bytes: number) {
  const asked: number[] = [];
  const api: Pick<KubeApi, "request"> = {
    async request({ query, maxBytes = 0 }: ApiRequest) {
      const limit = Number(query?.limit);
      const from = Number(query?.continue ?? 0);
      const items = Array.from({ length: Math.min(limit, count - from) }, (_, index) => ({ metadata: { name: String(from + index) } }));
      asked.push(limit);
      if (items.length * bytes > maxBytes) return { ok: false, error: { status: 0, reason: TOO_LARGE, message: "", retryable: true } };
      const end = from + items.length;
      const metadata = { resourceVersion: "7", ...(end < count ? { continue: String(end) } : {}) };
      return ok({ apiVersion: "v1", kind: "SecretList", metadata, items });
    },
  };
  return { api, asked };
}

test("a collection is listed in pages of 500 objects, and in smaller ones where they are large", async () => {
  for (const [bytes, pages] of [
    [1_000, [500, 500, 500]],
    [100_000, [500, 100, 20, ...Array(59).fill(20)]],
    [1_500_000, [500, 100, 20, ...Array(300).fill(4)]],
  ] as const) {
    const { api, asked } = serving(1_200, bytes);
    const listed = await listAll(api, { path: "/api/v1/secrets" }, (item) => item);
    assert.ok(listed.ok);
    assert.deepEqual(
      listed.value.items.map(({ metadata }) => Number((metadata as { name: string }).name)),
      Array.from({ length: 1_200 }, (_, index) => index),
    );
    assert.equal(listed.value.resourceVersion, "7");
    assert.deepEqual(asked, pages);
  }
});

test("an object that is larger than a page may be is a failure", async () => {
  const { api, asked } = serving(3, 9_000_000);
  const listed = await listAll(api, { path: "/api/v1/secrets" }, (item) => item);
  assert.equal(listed.ok ? "" : listed.error.reason, TOO_LARGE);
  assert.deepEqual(asked, [500, 100, 20, 4, 1]);
});
