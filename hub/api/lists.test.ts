import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import { FILTER, startHub } from "../testing/scene.ts";
import type { ProxyFilterView, ProxyView, Views } from "../views.ts";
import { GROUP_FIELDS } from "./fleet-groups.ts";
import { PAGING } from "./paging.ts";
import { pageOfProxies, selectedProxies } from "./proxy-list.ts";
import { FILTER_SELECTION, PROXY_SELECTION } from "./selection.ts";

const digest = (digit: string) => `sha256:${digit.repeat(64)}` as const;

function view(name: string, revision: number, state: ProxyFilterView["state"] = "updated"): ProxyFilterView {
  const [image, module] = [digest(String(revision)), digest("b")];
  return { namespace: "shop", name, revision, digest: image, wasmDigest: module, state, message: "" };
}

function proxyOf(index: number): ProxyView {
  const filters = [view("waf", index < 3 ? 2 : 1), view("log", 1, index === 5 ? "rejected" : "updated")];
  const labels = { app: index % 2 === 0 ? "web" : "api" };
  return {
    id: `web-${index}`,
    namespace: index === 7 ? "test" : "shop",
    labels,
    connected: index !== 4,
    slots: [{ name: "default", filters }],
  };
}

/** In no order, as a fleet has them. */
const proxies = [7, 2, 0, 9, 4, 5, 1, 3, 8, 6].map(proxyOf);
const filters = ["waf", "log", "auth", "gzip", "mark"].map(
  (name): WasmFilter => ({
    ...FILTER,
    metadata: { name, namespace: name === "mark" ? "test" : "shop", labels: { kind: name.slice(0, 1) } },
  }),
);
const scene = await startHub({ proxies: () => proxies, filters: () => filters });
after(() => scene.hub.close());

interface List<T> {
  readonly metadata: { readonly continue?: string; readonly remainingItemCount?: number };
  readonly items: readonly T[];
}

async function read<T>(path: string): Promise<T> {
  const { status, body } = await scene.ask(path);
  assert.equal(status, 200, body);
  return JSON.parse(body);
}

/** All pages of a list. */
async function pages<T>(path: string): Promise<readonly List<T>[]> {
  const found: List<T>[] = [];
  for (let next: string | undefined = ""; next !== undefined; ) {
    const page: List<T> = await read(next === "" ? path : `${path}&continue=${next}`);
    found.push(page);
    next = page.metadata.continue;
  }
  return found;
}

const ids = (list: readonly { readonly id: string }[]) => list.map(({ id }) => id.slice(4)).join("");

describe("proxies by pages", () => {
  test("each is on one page, in one order, which the whole list has too", async () => {
    const all = await pages<ProxyView>("/api/v1/proxies?limit=3");
    assert.deepEqual(
      all.map(({ items, metadata }) => [ids(items), metadata.remainingItemCount]),
      [
        ["012", 7],
        ["345", 4],
        ["678", 1],
        ["9", undefined],
      ],
    );
    assert.equal(ids(await read<ProxyView[]>("/api/v1/proxies")), "0123456789");
    const [one] = await pages<ProxyView>("/api/v1/proxies?limit=500");
    assert.deepEqual([ids(one?.items ?? []), one?.metadata.continue], ["0123456789", undefined]);
  });

  test("what comes and goes in between moves nothing else from one page to another", async () => {
    const fleet = [...proxies];
    const other = await startHub({ proxies: () => fleet });
    const page = async (path: string): Promise<List<ProxyView>> => JSON.parse((await other.ask(path)).body);
    const first = await page("/api/v1/proxies?limit=4");
    fleet.splice(
      fleet.findIndex(({ id }) => id === "web-3"),
      1,
    );
    fleet.push({ ...proxyOf(0), id: "web-00" }, { ...proxyOf(0), id: "web-55" });
    const second = await page(`/api/v1/proxies?limit=4&continue=${first.metadata.continue}`);
    assert.deepEqual([ids(first.items), ids(second.items)], ["0123", "45556"]);
    await other.hub.close();
  });

  test("proxies of one id in two namespaces are two", async () => {
    const fleet = ["b", "a"].map((namespace) => ({ ...proxyOf(1), namespace }));
    const other = await startHub({ proxies: () => fleet });
    const first: List<ProxyView> = JSON.parse((await other.ask("/api/v1/proxies?limit=1")).body);
    const second: List<ProxyView> = JSON.parse((await other.ask(`/api/v1/proxies?continue=${first.metadata.continue}`)).body);
    assert.deepEqual([first.items[0]?.namespace, second.items[0]?.namespace, second.items.length], ["a", "b", 1]);
    await other.hub.close();
  });

  test("a page of proxies with many filters is shorter than asked for, and the next goes on behind it", async () => {
    const many = Array.from({ length: 4_000 }, (_, index) => view(`f-${index}`, 1));
    const fleet = [0, 1, 2, 3, 4].map((index) => ({ ...proxyOf(index), slots: [{ name: "default", filters: many }] }));
    const other = await startHub({ proxies: () => fleet });
    const first: List<ProxyView> = JSON.parse((await other.ask("/api/v1/proxies?limit=5")).body);
    assert.deepEqual([ids(first.items), first.metadata.remainingItemCount], ["01", 3]);
    await other.hub.close();
  });
});

describe("proxies that are asked for", () => {
  test("by what they are, and by one filter of theirs", async () => {
    for (const [query, expected] of [
      ["namespace=test", "7"],
      ["labelSelector=app%3Dapi", "13579"],
      ["labelSelector=app+notin+(api)&connected=true", "0268"],
      ["connected=false", "4"],
      ["filter=shop/log&state=rejected", "5"],
      ["filter=shop/waf&state=rejected", ""],
      [`digest=${digest("2")}`, "012"],
      [`digest=${digest("2")}&filter=shop/log`, ""],
      [`digest=${digest("b")}&namespace=test`, "7"],
      ["state=", "0123456789"],
    ] as const) {
      assert.equal(ids(await read<ProxyView[]>(`/api/v1/proxies?${query}`)), expected, query);
      const all = await pages<ProxyView>(`/api/v1/proxies?limit=2&${query}`);
      assert.equal(all.map(({ items }) => ids(items)).join(""), expected, query);
    }
  });

  test("what a parameter does not take is told with what it does", async () => {
    for (const [query, message] of [
      ["limit=0", 'limit is a whole number from 1 to 500, not "0"'],
      ["limit=501", 'limit is a whole number from 1 to 500, not "501"'],
      ["continue=%00", 'continue is the metadata.continue of a page of this list, not "\\\\u0000"'],
      ["continue=eyJ9", "continue is the metadata.continue of a page of this list, "],
      ["state=lost", "state is one of pending, updated, rejected, not "],
      ["labelSelector=a%20b", "labelSelector is a label selector such as app=web"],
      [`labelSelector=${"a,".repeat(16)}a`, "of at most 16 expressions with 64 values in all, not "],
      [`labelSelector=a+in+(${"b,".repeat(63)}b),c=d`, "of at most 16 expressions with 64 values in all, not "],
      ["filter=waf", "filter is a filter as NAMESPACE/NAME, not "],
      ["digest=sha256:1", "digest is a digest such as sha256:"],
      [`namespace=${"a".repeat(3_000)}`, "namespace is the name of a namespace, not "],
    ] as const) {
      const { status, body } = await scene.ask(`/api/v1/proxies?${query}`);
      assert.equal(status, 400, query);
      assert.ok(body.includes(JSON.stringify(message).slice(1, -1).replaceAll("\\\\\\\\", "\\\\")), `${query}: ${body}`);
    }
  });
});

test("a large fleet is looked through with turns for others in between", async () => {
  const heads = Array.from({ length: 1_000 }, (_, index) => proxyOf(index));
  let turns = 0;
  const pause = async () => void turns++;
  const views = { proxyHeads: () => heads, eachProxy: () => [] } as unknown as Views;
  await pageOfProxies(views, {}, { limit: 1 }, pause);
  assert.equal(turns, 1_000);
  await selectedProxies(views, {}, pause);
  assert.equal(turns, 2_000);
});

test("filters come by pages and by what is asked for, as Kubernetes lists them", async () => {
  const names = (list: List<WasmFilter>) => list.items.map(({ metadata }) => metadata.name).join(" ");
  assert.equal(names(await read("/api/v1/filters")), "waf log auth gzip mark");
  assert.deepEqual((await pages<WasmFilter>("/api/v1/filters?limit=2")).map(names), ["auth gzip", "log waf", "mark"]);
  assert.equal(names(await read("/api/v1/filters?namespace=test")), "mark");
  assert.equal(names(await read("/api/v1/filters?labelSelector=kind+in+(w,a)")), "waf auth");
  assert.equal(names(await read("/api/v1/filters?state=ok")), "");
  assert.equal(names(await read("/api/v1/filters?state=unread&limit=1")), "auth");
  assert.equal((await scene.ask("/api/v1/filters?state=good")).status, 400);
});

describe("the fleet counted", () => {
  interface Fleet {
    readonly proxies: { readonly total: number; readonly connected: number };
    readonly groups: readonly Record<string, unknown>[];
  }

  test("by filter, revision, digest and state; each proxy once in a group", async () => {
    const { proxies: counted, groups } = await read<Fleet>("/api/v1/fleet");
    assert.deepEqual(counted, { total: 10, connected: 9 });
    assert.deepEqual(
      groups.map(({ filter, revision, state, proxies }) => `${filter} ${revision} ${state} ${proxies}`),
      ["shop/log 1 updated 9", "shop/waf 1 updated 7", "shop/waf 2 updated 3", "shop/log 1 rejected 1"],
    );
    assert.deepEqual((await read<Fleet>("/api/v1/fleet?groupBy=namespace")).groups, [
      { namespace: "shop", proxies: 9 },
      { namespace: "test", proxies: 1 },
    ]);
    assert.deepEqual((await read<Fleet>("/api/v1/fleet?groupBy=digest,connected&filter=shop/waf")).groups, [
      { digest: digest("1"), connected: true, proxies: 6 },
      { digest: digest("2"), connected: true, proxies: 3 },
      { digest: digest("1"), connected: false, proxies: 1 },
    ]);
    assert.deepEqual(await read("/api/v1/fleet?state=rejected&groupBy=filter"), {
      proxies: { total: 1, connected: 1 },
      groups: [{ filter: "shop/log", proxies: 1 }],
      leftOff: 0,
    });
    assert.match((await scene.ask("/api/v1/fleet?groupBy=filter,colour")).body, /groupBy is one or more of namespace, connected, filter/);
  });

  test("who asks the same at a time shares one look", async () => {
    let looks = 0;
    const other = await startHub({
      *eachProxy() {
        looks++;
        for (let index = 0; index < 5_000; index++) yield proxyOf(index);
      },
    });
    const asked = await Promise.all(["", "", "?groupBy=namespace"].map((query) => other.ask(`/api/v1/fleet${query}`)));
    assert.deepEqual([asked.map(({ status }) => status), looks], [[200, 200, 200], 2]);
    await other.hub.close();
  });
});

describe("the documents over HTTP", () => {
  test("each answer carries an ETag, by which a client learns that nothing changed", async () => {
    for (const path of ["/api/v1/proxies", "/api/v1/proxies?limit=3", "/api/v1/fleet", "/api/v1/filters?limit=3", "/openapi.json"]) {
      const first = await scene.ask(path);
      const again = await scene.ask(path, { headers: { "if-none-match": String(first.headers.etag) } });
      assert.deepEqual([again.status, again.body], [304, ""], path);
    }
    const [page, other] = [await scene.ask("/api/v1/proxies?limit=3"), await scene.ask("/api/v1/proxies?limit=2")];
    assert.notEqual(page.headers.etag, other.headers.etag);
  });

  test("brotli before gzip, what is wanted more before both, and nothing for who takes neither", async () => {
    const whole = (await scene.ask("/api/v1/proxies")).body;
    for (const [accepted, encoding] of [
      ["gzip, deflate, br, zstd", "br"],
      ["br;q=0.5, gzip", "gzip"],
      ["br;q=0, *", "gzip"],
      ["*", "br"],
      ["deflate", undefined],
      ["identity", undefined],
      ["br;q=0, gzip;q=0", undefined],
    ] as const) {
      const { headers, body } = await scene.ask("/api/v1/proxies", { headers: { "accept-encoding": accepted } });
      assert.equal(headers["content-encoding"], encoding, accepted);
      assert.equal(headers.vary, "Accept-Encoding", accepted);
      assert.equal(Number(headers["content-length"]), body.length, accepted);
      const bytes = Buffer.from(body, "latin1");
      const read = { br: brotliDecompressSync, gzip: gunzipSync, none: (same: Buffer) => same }[encoding ?? "none"](bytes);
      assert.equal(read.toString("latin1"), whole, accepted);
      const again = await scene.ask("/api/v1/proxies", {
        headers: { "accept-encoding": accepted, "if-none-match": String(headers.etag) },
      });
      assert.equal(again.status, 304, accepted);
    }
  });

  test("a whole list of a large fleet leaves turns of the event loop to others", async (t) => {
    const fleet = Array.from({ length: 20_000 }, (_, index) => proxyOf(index));
    const large = await startHub({ proxies: () => fleet });
    let longest = 0;
    let last = performance.now();
    const timer = setInterval(() => {
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }, 1);
    const { body } = await large.ask("/api/v1/proxies");
    clearInterval(timer);
    t.diagnostic(`${body.length} bytes; the event loop was away for ${longest.toFixed(0)} ms at most`);
    assert.equal(JSON.parse(body).length, 20_000);
    await large.hub.close();
  });
});

test("the description tells every parameter that a path reads, by the table that reads it", async () => {
  const document = await read<{
    paths: Record<string, { get: { parameters: { name: string; in: string; schema: { enum?: string[] } }[] } }>;
  }>("/openapi.json");
  const names = (path: string) =>
    document.paths[path]?.get.parameters.flatMap((parameter) => (parameter.in === "query" ? [parameter.name] : []));
  assert.deepEqual(names("/api/v1/filters"), Object.keys({ ...FILTER_SELECTION, ...PAGING }));
  assert.deepEqual(names("/api/v1/proxies"), Object.keys({ ...PROXY_SELECTION, ...PAGING }));
  assert.deepEqual(names("/api/v1/fleet"), ["groupBy", ...Object.keys(PROXY_SELECTION)]);
  for (const [path, { get }] of Object.entries(document.paths)) {
    for (const { name, schema } of get?.parameters.filter((parameter) => parameter.in === "query") ?? []) {
      for (const value of schema.enum ?? []) assert.equal((await scene.ask(`${path}?${name}=${value}`)).status, 200, `${path} ${name}`);
      assert.equal((await scene.ask(`${path}?${name}=%3F`)).status, 400, `${path} ${name}`);
    }
  }
  assert.equal(GROUP_FIELDS.length, 7);
});
