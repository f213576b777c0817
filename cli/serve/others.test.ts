import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { listen } from "../../base/listen.ts";
import { createHub, type Others, type Views } from "../../hub/index.ts";
import { silentLog } from "../../model/log.ts";
import { fail, ok } from "../../model/result.ts";
import { proxy, rolling } from "../testing/fixtures.ts";
import { readOthers } from "./other-flags.ts";
import { createOthers } from "./others.ts";

const views: Views = {
  filters: () => [rolling],
  policies: () => ok([]),
  proxyHeads: () => [proxy("web-1", [{}])],
  eachProxy: () => [proxy("web-1", [{}]), proxy("web-2", [{ revision: 0 }])],
  proxy: () => undefined,
  revisions: () => [],
  waveCount: () => undefined,
  waves: async () => [],
  metrics: async () => "",
  ready: () => true,
  onEvent: () => () => {},
  onChange: () => () => {},
};

async function openHub(token?: string) {
  const check = (authorization: string | undefined) =>
    authorization === `Bearer ${token}` ? ok(undefined) : fail("Unauthorized", "who are you");
  const readers = token === undefined ? {} : { readers: { check, onChange: () => () => {} } };
  const hub = createHub({ views, log: silentLog, ...readers });
  const bound = await hub.listen();
  assert.ok(bound.ok);
  return { hub, url: `http://127.0.0.1:${bound.value.port}` };
}

function open(flags: Partial<Record<"other" | "other-token-file" | "other-ca-file", string[]>>, now: () => number, limits = {}): Others {
  const read = readOthers({ other: [], "other-token-file": [], "other-ca-file": [], ...flags });
  assert.ok(read.ok);
  return createOthers(read.value, now, limits);
}

/** What is known once nobody is asked any more. */
async function settled(others: Others) {
  for (;;) {
    const { clusters, isBehind } = await others.take();
    if (!isBehind) return clusters;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe("other Weirs", () => {
  test("are told of by their read APIs, a reader's token at hand; one that goes away is told with what it told last", async (t) => {
    const folder = await mkdtemp(join(tmpdir(), "others-"));
    t.after(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, "token"), "secret\n");
    const [eu, us] = [await openHub(), await openHub("secret")];
    t.after(() => us.hub.close());
    let now = 1_000;
    const others = open({ other: [`eu=${eu.url}`, `us=${us.url}/`], "other-token-file": [`us=${join(folder, "token")}`] }, () => now);
    const first = await settled(others);
    assert.deepEqual(
      first.map(({ name, trouble, state }) => [
        name,
        trouble,
        state?.at,
        state?.filters.map(({ name }) => name),
        state?.running.map((one) => one.proxies),
      ]),
      [
        ["eu", undefined, 1_000, [rolling.metadata.name], [1]],
        ["us", undefined, 1_000, [rolling.metadata.name], [1]],
      ],
    );
    await eu.hub.close();
    now = 3_000;
    assert.equal((await others.take()).isBehind, false);
    now = 7_000;
    // At once what was known; who asks again learns more.
    const meanwhile = await others.take();
    assert.deepEqual([meanwhile.isBehind, meanwhile.clusters[0]?.trouble], [true, undefined]);
    const [gone, there] = await settled(others);
    assert.deepEqual([gone?.trouble, gone?.state?.at, there?.state?.at], ["it cannot be reached (ECONNREFUSED)", 1_000, 7_000]);
    others.close();
  });

  test("are bounded in bytes and time, and asked with what is known already", async (t) => {
    const seen: (string | undefined)[] = [];
    const bomb = gzipSync(Buffer.alloc(8 * 1024 * 1024), { level: 1 });
    const list = { kind: "List", metadata: {}, items: [rolling, { metadata: { name: 7 } }, null] };
    const server = createServer((request, response) => {
      seen.push(request.headers["if-none-match"]);
      if (request.url?.startsWith("/bomb/")) return response.writeHead(200, { "content-encoding": "gzip" }).end(bomb);
      if (request.url?.startsWith("/slow/")) return response.flushHeaders();
      if (request.url?.startsWith("/html/")) return response.end("<html>");
      if (request.url?.startsWith("/away/")) return response.writeHead(302, { location: "/" }).end();
      if (request.url?.startsWith("/old/api/v1/fleet")) return response.writeHead(404).end();
      if (request.headers["if-none-match"] === '"1"') return response.writeHead(304).end();
      return response.writeHead(200, { etag: '"1"' }).end(JSON.stringify(list));
    });
    const { port } = await listen(server, { host: "127.0.0.1", port: 0 });
    t.after(() => {
      server.closeAllConnections();
      server.close();
    });
    let now = 1;
    const names = ["bomb", "slow", "html", "away", "old"];
    const others = open({ other: names.map((name) => `${name}=http://127.0.0.1:${port}/${name}`) }, () => now, {
      lookMs: 1_500,
      firstMs: 50,
    });
    const trouble = Object.fromEntries((await settled(others)).map(({ name, trouble }) => [name, trouble]));
    assert.deepEqual(trouble, {
      bomb: "it answered with more than 4194304 bytes",
      slow: "it did not answer in time",
      html: "its answer is no JSON; is this the address of a Weir?",
      away: "it answered 302",
      old: undefined,
    });
    now = 10_000;
    seen.length = 0;
    const old = (await settled(others)).at(-1);
    assert.deepEqual([old?.state?.at, old?.state?.filters.length, old?.state?.running], [10_000, 1, []]);
    assert.deepEqual(
      seen.filter((etag) => etag !== undefined),
      ['"1"'],
    );
    others.close();
  });

  test("are bounded in what one look takes and what is kept of it; a list that is longer is had by more looks than one", async (t) => {
    const digest = `sha256:${"a".repeat(64)}`;
    const filter = (name: string, image: string, more: object = {}) => ({
      metadata: { namespace: "shop", name, ...more },
      status: { stableRevision: 1, history: [{ revision: 1, image, digest }] },
    });
    const group = (at: number) => ({ namespace: "shop", filter: `shop/f${at}`, digest, revision: 1, proxies: 1, junk: "x".repeat(9) });
    const documents: Record<string, object> = {
      "/long/api/v1/filters": {
        items: [filter("a", "r/a:1"), filter("b", "r/b:".padEnd(1_001, "1")), filter("c", "r/c:".padEnd(1_000, "1"))],
      },
      "/long/api/v1/fleet": { groups: Array.from({ length: 5_500 }, (_, at) => group(at)) },
      "/all/api/v1/filters": { items: Array.from({ length: 7 }, (_, at) => filter(`f${at}`, "r/a:1")) },
      "/token/api/v1/filters": { items: [], metadata: { continue: "x".repeat(2_001) } },
    };
    const pages = 4;
    const answerOf = ({ pathname, searchParams }: URL): object => {
      const page = Number(searchParams.get("continue") ?? 0);
      if (pathname !== "/large/api/v1/filters") return documents[pathname] ?? { groups: [] };
      const next = page + 1 < pages ? { continue: String(page + 1) } : {};
      return { items: [filter(`f${page}`, "r/a:1", { annotations: { junk: "x".repeat(500_000) } })], metadata: next };
    };
    const server = createServer((request, response) => {
      const etag = `"${encodeURIComponent(request.url ?? "")}"`;
      if (request.headers["if-none-match"] === etag) return response.writeHead(304).end();
      return response.writeHead(200, { etag }).end(JSON.stringify(answerOf(new URL(request.url ?? "", "http://here"))));
    });
    const { port } = await listen(server, { host: "127.0.0.1", port: 0 });
    t.after(() => server.close());
    let now = 1;
    const names = ["long", "all", "token", "large"];
    const others = open({ other: names.map((name) => `${name}=http://127.0.0.1:${port}/${name}`) }, () => now, {
      documentBytes: 1_000_000,
      lookBytes: 1_300_000,
      pageItems: 1,
      pages: 5,
    });
    const [long, all, token, large] = await settled(others);
    assert.deepEqual(
      long?.state?.filters.map(({ name }) => name),
      ["a", "c"],
    );
    assert.equal(long?.state?.running.length, 5_000);
    assert.deepEqual(long?.state?.running[0], { namespace: "shop", filter: "shop/f0", digest, proxies: 1 });
    assert.equal(all?.state?.filters.length, 5);
    assert.equal(token?.trouble, "its answer is no list of filters; is this the address of a Weir?");
    assert.deepEqual(
      [large?.state, large?.trouble],
      [undefined, "it answered one look with more than 1300000 bytes; the next look goes on from there"],
    );
    now = 10_000;
    assert.deepEqual((await settled(others)).at(-1)?.state?.filters.length, pages);
    others.close();
  });

  test("flags say what they take", () => {
    const flags = { other: [], "other-token-file": [], "other-ca-file": [] };
    for (const [given, message] of [
      [{ other: ["eu"] }, /--other is NAME=\.\.\./],
      [{ other: ["here=http://x"] }, /is this Weir's own name/],
      [{ other: ["eu=ftp://x"] }, /takes a URL such as/],
      [{ other: ["eu=https://:secret@x"] }, /takes a URL such as/],
      [{ other: ["eu=http://x", "eu=http://y"] }, /names eu twice/],
      [{ "other-ca-file": ["eu=f"] }, /there is no --other eu=URL/],
      [{ other: ["eu=http://weir.example"], "other-token-file": ["eu=f"] }, /sent it in the clear/],
    ] as const) {
      const read = readOthers({ ...flags, ...given } as Parameters<typeof readOthers>[0]);
      assert.match(read.ok ? "" : read.error.message, message);
    }
    const near = ["localhost:1", "127.0.0.1:1", "[::1]:1"].map((host, index) => `n${index}=http://${host}`);
    assert.ok(
      readOthers({ ...flags, other: near, "other-token-file": near.map((_, index) => `n${index}=f`) }).ok,
      "tokens stay on this machine",
    );
  });
});
