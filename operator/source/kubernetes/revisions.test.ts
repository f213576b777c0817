import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { digestOf } from "../../../model/digest.ts";
import type { ApiRequest, KubeApi } from "../../../model/kube.ts";
import { silentLog } from "../../../model/log.ts";
import { ok } from "../../../model/result.ts";
import type { Revision } from "../../../model/revision.ts";
import { DEFAULT_SETTINGS } from "../../../model/settings.ts";
import { isObjectName } from "../../parse/names.ts";
import { createRevisionStore, revisionName } from "./revisions.ts";

interface Stored {
  readonly data: unknown;
  readonly metadata: { readonly name: string; readonly uid?: string };
}

/** An API server that keeps ControllerRevisions, and loses its answer to the first request. */
function forgetfulApi(): Pick<KubeApi, "request"> {
  const objects = new Map<string, Stored>();
  let count = 0;
  let isLost = true;
  const failure = (status: number, reason: string) => ({ ok: false as const, error: { status, reason, message: reason, retryable: true } });
  return {
    async request({ method = "GET", path, body }: ApiRequest) {
      if (method === "POST") {
        const made = structuredClone(body) as Stored;
        Object.assign(made.metadata, { uid: `uid-${count++}` });
        const at = `${path}/${made.metadata.name}`;
        if (objects.has(at)) return failure(409, "AlreadyExists");
        objects.set(at, made);
        const wasLost = isLost;
        isLost = false;
        return wasLost ? failure(0, "Timeout") : ok(made);
      }
      if (method === "GET" && path.endsWith("controllerrevisions")) return ok({ items: [...objects.values()] });
      const found = objects.get(path);
      if (found === undefined) return failure(404, "NotFound");
      const { uid } = (body as Partial<{ preconditions: { uid: string } }> | undefined)?.preconditions ?? {};
      if (method === "DELETE" && uid !== found.metadata.uid) return failure(409, "Conflict");
      if (method === "DELETE") objects.delete(path);
      return ok(found);
    },
  } as Pick<KubeApi, "request">;
}

const UID = "0a1b2c3d-0000-4000-8000-000000000000";

describe("ControllerRevisions", () => {
  test("a revision takes the place of one with its number that was saved though the answer was lost", async () => {
    const store = createRevisionStore({ api: forgetfulApi() as KubeApi, log: silentLog });
    const key = { namespace: "shop", name: "f" };
    const revision = (hash: string): Revision => ({
      ...{ number: 1, image: "r.example/f:1", digest: digestOf(hash), wasmDigest: digestOf(hash), hash },
      ...{ settings: DEFAULT_SETTINGS, capabilities: [], time: "2026-01-01T00:00:00.000Z" },
    });
    assert.equal((await store.save(key, UID, revision("one"))).ok, false);
    assert.equal((await store.save(key, UID, revision("two"))).ok, true);
    assert.equal((await store.save(key, UID, revision("two"))).ok, true);
    const kept = await store.list(key, UID);
    assert.deepEqual(kept.ok && kept.value.map(({ hash }) => hash), ["two"]);
  });

  test("nothing is removed that another server made meanwhile, nor by a server that does not lead any more", async () => {
    const api = forgetfulApi() as KubeApi;
    const key = { namespace: "shop", name: "f" };
    const revision = (hash: string): Revision => ({
      ...{ number: 1, image: "r.example/f:1", digest: digestOf(hash), wasmDigest: digestOf(hash), hash },
      ...{ settings: DEFAULT_SETTINGS, capabilities: [], time: "2026-01-01T00:00:00.000Z" },
    });
    let isLeading = true;
    const other = createRevisionStore({ api, log: silentLog });
    const { request } = api;
    /** Between what the server read and what it removes, another takes that out and makes its own. */
    const late: typeof request = async (asked) => {
      if (asked.method === "DELETE") {
        await other.remove(key, UID, 1);
        await other.save(key, UID, revision("other"));
      }
      return request(asked);
    };
    await other.save(key, UID, revision("first"));
    await other.save(key, UID, revision("first"));
    const store = createRevisionStore({ api: { ...api, request: late }, log: silentLog, mayWrite: () => isLeading });
    const stored = async () => {
      const kept = await other.list(key, UID);
      return kept.ok ? kept.value.map(({ hash }) => hash) : [];
    };
    assert.equal((await store.remove(key, UID, 1)).ok, false);
    assert.deepEqual(await stored(), ["other"]);
    isLeading = false;
    assert.equal((await createRevisionStore({ api, log: silentLog, mayWrite: () => isLeading }).save(key, UID, revision("old"))).ok, false);
    assert.deepEqual(await stored(), ["other"]);
  });

  test("a rewritten revision takes the place of the first one, also when the rewriting was cut off, and is deleted as any other", async () => {
    const api = forgetfulApi() as KubeApi;
    const store = createRevisionStore({ api, log: silentLog });
    const key = { namespace: "shop", name: "f" };
    const made: Revision = {
      ...{ number: 1, image: "r.example/f:1", digest: digestOf("1"), wasmDigest: digestOf("1"), hash: "old" },
      ...{ settings: DEFAULT_SETTINGS, capabilities: [], time: "2026-01-01T00:00:00.000Z" },
    };
    const hashes = async () => {
      const kept = await store.list(key, UID);
      return kept.ok ? kept.value.map(({ hash }) => hash) : kept.error.reason;
    };
    await store.save(key, UID, made);
    await store.save(key, UID, made);
    const { request } = api;
    const cutOff: typeof request = async (asked) =>
      asked.method === "DELETE" ? { ok: false, error: { status: 0, reason: "Timeout", message: "", retryable: true } } : request(asked);
    const cut = createRevisionStore({ api: { ...api, request: cutOff }, log: silentLog });
    assert.equal((await cut.rewrite(key, UID, { ...made, hash: "new" })).ok, false);
    assert.deepEqual(await hashes(), ["old"], "the first one counts until it is removed");
    assert.equal((await store.rewrite(key, UID, { ...made, hash: "new" })).ok, true);
    assert.deepEqual(await hashes(), ["new"]);
    assert.equal((await store.remove(key, UID, 2)).ok, true);
    assert.deepEqual(await hashes(), ["new"]);
    assert.equal((await store.remove(key, UID, 1)).ok, true);
    assert.deepEqual(await hashes(), []);
    await store.save(key, UID, made);
    assert.equal((await cut.rewrite(key, UID, { ...made, hash: "new" })).ok, false);
    assert.equal((await store.remove(key, UID, 1)).ok, true);
    assert.deepEqual(await hashes(), [], "what the rewriting had made does not come back");
  });

  test("a revision's name is a valid one for every name of a filter, and another for every number and object", () => {
    for (const name of ["a", "a.b-c", "x".repeat(253), `${"x".repeat(199)}.${"y".repeat(53)}`, `${"x".repeat(198)}--y${"z".repeat(40)}`]) {
      assert.ok(isObjectName(name), name);
      const made = revisionName({ namespace: "shop", name }, UID, 12345);
      assert.ok(isObjectName(made), made);
    }
    const key = { namespace: "shop", name: "add-header" };
    assert.equal(revisionName(key, UID, 3), "add-header-0a1b2c3d-3");
    assert.notEqual(revisionName(key, UID, 4), revisionName(key, UID, 3));
    assert.notEqual(revisionName(key, UID.replace("0a", "0b"), 3), revisionName(key, UID, 3));
  });
});
