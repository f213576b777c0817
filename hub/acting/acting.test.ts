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

async function post(path: string, form: Record<string, string>, headers: Record<string, string> = {}, at = scene) {
  const url = `http://127.0.0.1:${at.port}`;
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

describe("what signing in opened", () => {
  /** A stream with a session, which ends when the returned promise resolves. */
  async function follow(headers: Record<string, string>) {
    const { call, response } = await scene.openStream(headers);
    assert.equal(response.statusCode, 200);
    const state = { isOpen: true, call };
    response.once("close", () => {
      state.isOpen = false;
    });
    response.resume().once("error", () => {});
    return state;
  }

  async function signIn(token = "editor", at = scene): Promise<Record<string, string>> {
    const { headers } = await post("/me", { token }, {}, at);
    return { cookie: headers.get("set-cookie")?.split(";", 1)[0] ?? "" };
  }

  const until = async (isSo: () => boolean) => {
    while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 2));
  };

  test("streams end with their own session, when somebody signs out, and with no other", async () => {
    const [first, second] = [await signIn(), await signIn()];
    const [ending, staying] = [await follow(first), await follow(second)];
    for (const headers of [{}, { cookie: `weir-${scene.port}=${"x".repeat(43)}` }] as Record<string, string>[])
      assert.equal((await post("/me/out", {}, headers)).status, 303);
    assert.equal((await post("/me/out", {}, first)).status, 303);
    await until(() => !ending.isOpen);
    assert.equal((await post("/me/out", {}, first)).status, 303);
    assert.deepEqual([ending.isOpen, staying.isOpen], [false, true]);
    staying.call.destroy();
  });

  test("one person takes no stream from others: who has most makes room", async () => {
    const [one, two] = [await follow(await signIn()), await follow(await signIn())];
    const other = await follow(as("viewer"));
    await until(() => !one.isOpen);
    assert.deepEqual([two.isOpen, other.isOpen], [true, true]);
    for (const headers of [await signIn(), as("viewer"), {}] as Record<string, string>[]) {
      const { call, response } = await scene.openStream(headers);
      assert.equal(response.statusCode, 503, "where each has one, nobody makes room");
      call.destroy();
    }
    assert.deepEqual([two.isOpen, other.isOpen], [true, true]);
    for (const { call } of [two, other]) call.destroy();
  });

  test("ends although a page that was left open refreshes itself", async (t) => {
    t.mock.timers.enable({ apis: ["Date"], now: Date.now() });
    const left = await startHub({}, { people });
    t.after(() => left.hub.close());
    const sent = await signIn("editor", left);
    const isSignedIn = async (headers: Record<string, string> = {}) =>
      (await left.ask("/filters", { headers: { ...sent, ...headers } })).body.includes("alice");
    t.mock.timers.tick(29 * 60_000);
    assert.equal(await isSignedIn(), true);
    for (let minutes = 0; minutes < 29; minutes++) {
      t.mock.timers.tick(60_000);
      assert.equal(await isSignedIn({ "weir-background": "true" }), true);
      assert.equal((await left.ask("/api/v1/filters", { headers: sent })).status, 200);
      const { call } = await left.openStream(sent);
      call.destroy();
    }
    t.mock.timers.tick(60_000);
    assert.equal(await isSignedIn(), false);
    const script = /src="(\/assets\/[^"]+js)"/.exec((await left.ask("/filters")).body)?.[1] ?? "";
    assert.match((await left.ask(script)).body, /fetch\(location\.href, [^)]*"weir-background": "true"/);
  });

  test("who guesses behind the same proxy keeps nobody out who signed in", async (t) => {
    t.mock.timers.enable({ apis: ["Date"], now: Date.now() });
    const busy = await startHub({}, { people });
    t.after(() => busy.hub.close());
    const sent = await signIn("editor", busy);
    t.mock.timers.tick(31_000);
    let number = 0;
    while ((await post("/me", { token: `guess-${number++}` }, {}, busy)).status !== 429);
    assert.match((await busy.ask("/filters", { headers: sent })).body, /href="\/me">alice</);
    assert.equal((await post("/me", { token: "viewer" }, {}, busy)).status, 429);
  });
});

test("an editor who is taken off the token file acts no more, at once", async (t) => {
  const known = new Set(["editor"]);
  let changed = () => {};
  const readers = {
    check: () => ok(undefined),
    onChange(listener: () => void) {
      changed = listener;
      return () => {};
    },
  };
  const find: People["find"] = async (token) => (known.has(token) ? people.find(token) : fail("Unauthorized", "that is nobody's"));
  const closed = await startHub({}, { people: { ...people, find }, readers });
  t.after(() => closed.hub.close());
  const acts = async () => (await post(PATH, { seen: "x", cause: "x" }, as("editor"), closed)).status;
  assert.equal(await acts(), 409);
  known.clear();
  changed();
  assert.equal(await acts(), 401);
});

describe("where nobody can say who somebody is", () => {
  test("pages and the API say so with 503, and ask nobody to sign in again", async (t) => {
    const readers = { check: () => fail("Unauthorized", "readers only"), onChange: () => () => {} };
    const closed = await startHub({}, { people, readers });
    t.after(() => closed.hub.close());
    for (const path of ["/api/v1/filters", "/api/v1/events", "/filters"]) {
      const { status, headers, body } = await closed.ask(path, { headers: as("away") });
      assert.deepEqual([status, headers["retry-after"]], [503, "5"], path);
      assert.deepEqual(JSON.parse(body).error, { status: 503, reason: "Busy", message: "the API server is away" });
    }
    const page = await closed.ask("/filters", { headers: { ...as("away"), accept: "text/html" } });
    assert.equal(page.status, 503);
    assert.match(page.body, /<h1>Not now<\/h1>[\s\S]*the API server is away/);
    assert.doesNotMatch(page.body, /name="token"/);
    for (let number = 0; number < 10; number++)
      assert.equal((await closed.ask("/filters", { headers: as(`guess-${number}`) })).status, 401);
    assert.equal((await closed.ask("/filters", { headers: as("guess") })).status, 429);
    assert.equal((await closed.ask("/api/v1/filters", { headers: as("guess") })).status, 429);
  });

  test("a page that everybody may read is shown, and says why nothing can be done on it", async () => {
    const { status, body } = await scene.ask("/filters/shop/add-header", { headers: as("away") });
    assert.equal(status, 200);
    assert.match(body, /it is not known who you are: the API server is away/);
    assert.equal((await scene.ask("/me", { headers: as("away") })).status, 503);
    assert.equal((await scene.ask(PATH, { headers: as("away") })).status, 503);
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

test("what is asked before an action is whole in its page: a dialog shows that page's content, and Cancel says what closes it", async () => {
  const open = await startHub({}, { people });
  try {
    const { body } = await open.ask("/filters/shop/add-header/act/suspend", { headers: as("editor") });
    assert.match(body, /<main[^>]*>[\s\S]*<h1>Suspend: shop\/add-header\?<\/h1>[\s\S]*<form [^>]*method="post"[\s\S]*<\/main>/);
    assert.match(body, /<a class="button" href="\/filters\/shop\/add-header" data-cancel>Cancel<\/a>/);
    assert.doesNotMatch(body, /<script|<dialog/, "it stays as it was made");
    const filter = await open.ask("/filters/shop/add-header", { headers: as("editor") });
    const script = /src="(\/assets\/[^"]+js)"/.exec(filter.body)?.[1] ?? "";
    assert.match((await open.ask(script)).body, /\.showModal\(\)/);
  } finally {
    await open.hub.close();
  }
});
