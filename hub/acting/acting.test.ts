import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import type { FilterPatch } from "../../model/filter-patch.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import type { People, Person } from "../../model/people.ts";
import { fail, failForNow, ok } from "../../model/result.ts";
import { FILTER, type HubScene, startHub } from "../testing/scene.ts";

/** What a stranger may write where there is room for words. */
const HOSTILE = `<script>alert(1)</script>"'><img src=x onerror=alert(1)>`;
const PATH = "/filters/shop/add-header/act/suspend";

let scene: HubScene;
let stored: WasmFilter;
let asked: number;
/** Writes of the status that come between a look and the change after it. */
let interruptions: number;
let patches: { readonly patch: FilterPatch; readonly dryRun: boolean }[];

function personOf(name: string, mayChange: boolean): Person {
  return {
    name,
    groups: [],
    until: undefined,
    mayRead: async () => ok(true),
    may: async () => ok(mayChange),
    read: async () => ok(stored),
    async patch(_key, patch, { resourceVersion, dryRun }) {
      if (!mayChange) return fail("Forbidden", `User "${name}" cannot patch resource "wasmfilters"`);
      const version = Number(stored.metadata.resourceVersion);
      if (interruptions > 0) {
        interruptions -= 1;
        stored = { ...stored, metadata: { ...stored.metadata, resourceVersion: `${version + 1}` } };
        return fail("Conflict", "the object has been modified");
      }
      if (String(version) !== resourceVersion) return fail("Conflict", "the object has been modified");
      patches.push({ patch, dryRun });
      return ok(stored);
    },
  };
}

const people: People = {
  howTo: { text: "a token", example: "make one" },
  async find(token) {
    asked += 1;
    if (token === "away") return failForNow("Unavailable", "the API server is away");
    if (token === "editor") return ok(personOf("alice", true));
    return token === "viewer" ? ok(personOf(HOSTILE, false)) : fail("Unauthorized", "that is nobody's");
  },
};

beforeEach(async () => {
  stored = { ...FILTER, metadata: { ...FILTER.metadata, resourceVersion: "1", uid: "u" } };
  [asked, interruptions, patches] = [0, 0, []];
  scene = await startHub({}, { people });
});

afterEach(() => scene.hub.close());

async function post(path: string, form: Record<string, string>, headers: Record<string, string> = {}) {
  const url = `http://127.0.0.1:${scene.port}`;
  const type = { "content-type": "application/x-www-form-urlencoded" };
  const body = new URLSearchParams(form).toString();
  const answer = await fetch(`${url}${path}`, { method: "POST", body, headers: { ...type, origin: url, ...headers }, redirect: "manual" });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}

const as = (token: string) => ({ authorization: `Bearer ${token}` });

async function seen(token = "editor"): Promise<string> {
  const { status, body } = await scene.ask(PATH, { headers: as(token) });
  assert.equal(status, 200);
  return /name="seen" value="([^"]+)"/.exec(body)?.[1] ?? "";
}

describe("signing in", () => {
  test("gives a cookie that is no token, by which pages know who looks; signing out ends it", async () => {
    const { status, headers } = await post("/me", { token: " editor\n", to: "/filters?q=a" });
    assert.deepEqual([status, headers.get("location")], [303, "/filters?q=a"]);
    const cookie = headers.get("set-cookie") ?? "";
    assert.match(cookie, /^weir-\d+=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=28800$/);
    const sent = { cookie: cookie.split(";", 1)[0] ?? "" };
    assert.match((await scene.ask("/filters", { headers: sent })).body, /href="\/me">alice</);
    assert.match((await scene.ask("/me", { headers: sent })).body, /<h1>alice<\/h1>/);
    assert.equal((await post("/me/out", {}, sent)).status, 303);
    assert.match((await scene.ask("/me", { headers: sent })).body, /<h1>Sign in<\/h1>/);
    assert.equal(asked, 1);
  });

  test("a token that is none, an API server that is away, no form, and one that is too large", async () => {
    assert.deepEqual([(await post("/me", { token: "nobody" })).status, (await post("/me", { token: "two words" })).status], [401, 401]);
    assert.equal((await post("/me", { token: "away" })).status, 503);
    assert.equal((await post("/me", { token: "x".repeat(20_000) })).status, 413);
    assert.equal((await post("/me", {}, { "content-type": "text/plain" })).status, 400);
  });

  test("over plain HTTP a token is taken at a loopback name alone", async () => {
    const named = await startHub({}, { people }, "0.0.0.0");
    try {
      const answer = await new Promise<number>((resolve, reject) => {
        import("node:http").then(({ request }) => {
          const headers = { host: "weir.example", origin: "http://weir.example", "content-type": "application/x-www-form-urlencoded" };
          const call = request({ host: "127.0.0.1", port: named.port, path: "/me", method: "POST", headers }, (response) =>
            resolve(response.resume().statusCode ?? 0),
          );
          call.on("error", reject).end("token=editor");
        }, reject);
      });
      assert.deepEqual([answer, asked], [403, 0]);
    } finally {
      await named.hub.close();
    }
  });

  test("who guesses tokens is slowed down; who is known is not; nobody is asked for anew at each look", async () => {
    await scene.ask("/me", { headers: as("editor") });
    const statuses: number[] = [];
    for (let number = 0; number < 12; number++) statuses.push((await post("/me", { token: `guess-${number}` })).status);
    assert.deepEqual(statuses, [...Array<number>(10).fill(401), 429, 429]);
    for (let number = 0; number < 5; number++) assert.match((await scene.ask("/me", { headers: as("editor") })).body, /alice/);
    assert.equal(asked, 11);
  });
});

describe("acting", () => {
  test("shows what would change, and does it when the form comes back, with its reason", async () => {
    const answer = await post(PATH, { seen: await seen(), cause: "a\nfreeze" }, as("editor"));
    assert.deepEqual([answer.status, answer.headers.get("location")], [303, "/filters/shop/add-header?done=suspend"]);
    const caused = { suspend: true, annotations: { "weir.dev/change-cause": "a freeze" } };
    assert.deepEqual(patches, [
      { patch: { suspend: true }, dryRun: true },
      { patch: caused, dryRun: true },
      { patch: caused, dryRun: false },
    ]);
  });

  test("a status that is written meanwhile stops nobody; a filter that was changed does, and a page that shows something else", async () => {
    const before = await seen();
    interruptions = 2;
    assert.equal((await post(PATH, { seen: before, cause: "x" }, as("editor"))).status, 303);
    stored = { ...stored, spec: { ...stored.spec, priority: 3 } };
    assert.equal((await post(PATH, { seen: before, cause: "x" }, as("editor"))).status, 409);
    interruptions = 100;
    assert.equal((await post(PATH, { seen: await seen().catch(() => ""), cause: "x" }, as("editor"))).status, 409);
    assert.equal(patches.filter(({ dryRun }) => !dryRun).length, 1);
  });

  test("nothing is done for nobody, for who may not, without a reason, and from another origin", async () => {
    const stamp = await seen();
    assert.equal((await post(PATH, { seen: stamp, cause: "x" })).status, 401);
    const refused = await post(PATH, { seen: stamp, cause: "x" }, as("viewer"));
    assert.equal(refused.status, 403);
    assert.match(JSON.parse(refused.text).error.message, /cannot patch resource/);
    assert.equal((await post(PATH, { seen: stamp }, as("viewer"))).status, 403);
    assert.equal((await post(PATH, { seen: stamp, cause: " " }, as("editor"))).status, 400);
    assert.equal((await post(PATH, { seen: stamp, cause: "x".repeat(501) }, as("editor"))).status, 400);
    assert.equal((await post(PATH.replace("suspend", "explode"), { seen: stamp, cause: "x" }, as("editor"))).status, 404);
    for (const origin of [`http://127.0.0.1:${scene.port + 1}`, "null", ""])
      assert.equal((await post(PATH, { seen: stamp, cause: "x" }, { ...as("editor"), origin })).status, 403, origin);
    const { status } = await scene.ask(PATH, { method: "POST", headers: as("editor") });
    assert.equal(status, 403, "no origin at all");
    assert.ok(patches.every(({ dryRun }) => dryRun));
  });

  test("buttons are off for nobody and for who may not, with the reason; what a stranger wrote is text", async () => {
    const bar = async (headers: Record<string, string>) => {
      const { body } = await scene.ask("/filters/shop/add-header", { headers });
      assert.doesNotMatch(body, /<script>alert|<img/);
      return /<section class="row acts"[\s\S]*?<\/section>/.exec(body)?.[0] ?? "";
    };
    const [nobody, viewer, editor] = [await bar({}), await bar(as("viewer")), await bar(as("editor"))];
    for (const off of [nobody, viewer]) assert.doesNotMatch(off, /href="\/filters/);
    assert.match(nobody, /sign in to act/);
    assert.match(viewer, /may not change it/);
    assert.match(editor, /href="\/filters\/shop\/add-header\/act\/suspend"/);
    assert.match(editor, /disabled title="[^"]*has no rollout under way/);
    assert.doesNotMatch((await scene.ask("/me", { headers: as("viewer") })).body, /<script>alert|<img/);
    assert.doesNotMatch((await scene.ask(PATH, { headers: as("viewer") })).body, /<script>alert|<img/);
  });
});

test("where reading needs a token, who signed in and may read looks; others are asked to sign in", async () => {
  const readers = { check: () => fail("Unauthorized", "readers only"), onChange: () => () => {} };
  const closed = await startHub({}, { people, readers });
  try {
    const refused = await closed.ask("/filters?q=a", { headers: { accept: "text/html" } });
    assert.equal(refused.status, 401);
    assert.match(refused.body, /name="to" value="\/filters\?q=a"/);
    assert.equal((await closed.ask("/api/v1/filters")).status, 401);
    for (const path of ["/filters", "/api/v1/filters"]) assert.equal((await closed.ask(path, { headers: as("editor") })).status, 200, path);
    const style = /href="(\/assets\/[^"]+css)"/.exec(refused.body)?.[1] ?? "";
    assert.equal((await closed.ask(style)).status, 200);
  } finally {
    await closed.hub.close();
  }
});
