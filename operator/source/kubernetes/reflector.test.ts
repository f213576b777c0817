import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import type { Clock } from "../../../model/clock.ts";
import type { ApiFailure, ApiRequest, KubeApi, WatchEvent } from "../../../model/kube.ts";
import { silentLog } from "../../../model/log.ts";
import { ok, type Result } from "../../../model/result.ts";
import type { Fields } from "../../parse/defaults.ts";
import { startReflector } from "./reflector.ts";

const object = (name: string, resourceVersion: string) => ({ metadata: { name, uid: `uid-${name}`, resourceVersion } });
const page = (resourceVersion: string, items: readonly unknown[], more = "") =>
  ok<Fields>({ apiVersion: "v1", kind: "SecretList", metadata: { resourceVersion, continue: more }, items });
const failure = (status: number, message = "broken"): Result<never, ApiFailure> => ({
  ok: false,
  error: { status, reason: "Reason", message, retryable: true },
});

type Watch = (request: ApiRequest, onEvent: (event: WatchEvent) => void) => Result<void, ApiFailure> | Promise<Result<void, ApiFailure>>;

/** A reflector before an API that answers from two scripts, one answer a call; the last watch stays open. Time passes only in pauses. */
function bench(t: TestContext, lists: Result<Fields, ApiFailure>[], watches: Watch[]) {
  const asked: string[] = [];
  const seen: string[] = [];
  const pauses: number[] = [];
  const idle = Promise.withResolvers<void>();
  let now = 0;
  const clock: Clock = {
    now: () => now,
    after(ms, run) {
      pauses.push(ms);
      now += ms;
      const timer = setImmediate(run);
      return () => clearImmediate(timer);
    },
  };
  const api: KubeApi = {
    server: "https://test",
    async request({ query }) {
      asked.push(`list${query?.continue ?? ""}`);
      return lists.shift() ?? failure(500, "no more lists");
    },
    async watch(request, onEvent) {
      asked.push(`watch ${request.query?.resourceVersion}`);
      const watch = watches.shift();
      if (watch !== undefined) return watch(request, onEvent);
      idle.resolve();
      await new Promise<void>((resolve) => request.signal?.addEventListener("abort", () => resolve()));
      return failure(0);
    },
  };
  const reflector = startReflector({
    api,
    clock,
    log: silentLog,
    path: "/api/v1/secrets",
    random: () => 1,
    onList: (objects) => seen.push(`[${objects.map(({ metadata, kind }) => `${String(kind)} ${metadata.name}`).join()}]`),
    onEvent: (type, { metadata }) => seen.push(`${type} ${metadata.name}`),
    onTrouble: (trouble) => seen.push(trouble === undefined ? "fine" : `trouble ${trouble.status}`),
  });
  t.after(() => reflector.stop());
  const pass = (ms: number) => {
    now += ms;
  };
  return { asked, seen, pauses, reflector, idle: idle.promise, pass };
}

describe("following a collection", () => {
  test("lists page by page, then watches from the version of the list", async (t) => {
    const { asked, seen, idle, reflector } = bench(
      t,
      [page("7", [object("a", "1")], "next"), page("7", [object("b", "2"), { junk: true }])],
      [],
    );
    await reflector.listed;
    await idle;
    assert.deepEqual(asked, ["list", "listnext", "watch 7"]);
    assert.deepEqual(seen, ["[Secret a,Secret b]"]);
  });

  test("a watch that ends by itself goes on from the last version seen, bookmarks included, without a list", async (t) => {
    const { asked, seen, idle, pass } = bench(
      t,
      [page("7", [])],
      [
        (_, onEvent) => {
          onEvent({ type: "ADDED", object: object("a", "8") });
          onEvent({ type: "BOOKMARK", object: object("", "12") });
          pass(300_000);
          return ok(undefined);
        },
        (_, onEvent) => {
          onEvent({ type: "DELETED", object: object("a", "13") });
          pass(300_000);
          return ok(undefined);
        },
      ],
    );
    await idle;
    assert.deepEqual(asked, ["list", "watch 7", "watch 12", "watch 13"]);
    assert.deepEqual(seen, ["[]", "ADDED a", "DELETED a"]);
  });

  test("410 Gone is answered with a fresh list and is no trouble", async (t) => {
    const { asked, seen, idle } = bench(t, [page("7", [object("a", "1")]), page("20", [object("b", "19")])], [() => failure(410)]);
    await idle;
    assert.deepEqual(asked, ["list", "watch 7", "list", "watch 20"]);
    assert.deepEqual(seen, ["[Secret a]", "[Secret b]"]);
  });

  test("any other break is told, and over when a list works again", async (t) => {
    const { asked, seen, idle } = bench(t, [page("7", []), failure(0), failure(503), page("9", [])], [() => failure(0)]);
    await idle;
    assert.deepEqual(asked, ["list", "watch 7", "list", "list", "list", "watch 9"]);
    assert.deepEqual(seen, ["[]", "trouble 0", "trouble 0", "trouble 503", "[]", "fine"]);
  });

  test("waits twice as long after each failure, at most 30 s, and starts over after a watch that lasted", async (t) => {
    const failures = Array.from({ length: 10 }, () => failure(0));
    const { pauses, idle, pass } = bench(
      t,
      [...failures, page("7", []), page("8", [])],
      [
        () => {
          pass(60_000);
          return failure(0);
        },
      ],
    );
    await idle;
    assert.deepEqual(pauses, [200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000, 200]);
  });

  test("a server that closes every watch at once is not asked without a pause", async (t) => {
    const { asked, pauses, idle } = bench(t, [page("7", [])], [() => ok(undefined), () => ok(undefined)]);
    await idle;
    assert.deepEqual(asked, ["list", "watch 7", "watch 7", "watch 7"]);
    assert.deepEqual(pauses, [200, 400]);
  });

  test("stopping ends it in the midst of a watch and resolves who waits for the first list", async (t) => {
    const { reflector, idle } = bench(t, [page("7", [])], []);
    await idle;
    await reflector.stop();
    const never = bench(
      t,
      Array.from({ length: 1 }, () => failure(0)),
      [],
    );
    await never.reflector.stop();
    await never.reflector.listed;
  });
});
