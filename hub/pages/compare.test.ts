import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import type { OtherCluster } from "../others.ts";
import { FILTER, startHub } from "../testing/scene.ts";
import type { ProxyView } from "../views.ts";

const digest = (digit: string) => `sha256:${digit.repeat(64)}` as const;

function filterIn(namespace: string, digit: string): WasmFilter {
  const item = { revision: 1, digest: digest(digit), wasmDigest: digest(digit), image: "r.example/waf:1", time: "2026-01-01T00:00:00Z" };
  const status = { revision: 1, stableRevision: 1, digest: digest(digit), history: [{ ...item, result: "Succeeded" as const }] };
  return { ...FILTER, metadata: { name: "waf", namespace }, status };
}

function proxyIn(namespace: string, digit: string): ProxyView {
  const view = {
    namespace,
    name: "waf",
    revision: 1,
    digest: digest(digit),
    wasmDigest: digest(digit),
    state: "updated" as const,
    message: "",
  };
  return { id: "web-1", namespace, labels: {}, connected: true, slots: [{ name: "default", filters: [view] }] };
}

const hostile = "<img src=x onerror=alert(1)>\u202e";
const known: OtherCluster = {
  name: "eu",
  url: "https://weir.eu.example/",
  state: {
    at: Date.now() - 90_000,
    filters: [{ namespace: "shop", name: "waf", image: `r.example/${hostile}:1`, digest: digest("c") }],
    running: [{ namespace: "shop", filter: "shop/waf", digest: digest("c"), proxies: 7 }],
  },
  trouble: `it cannot be reached (${hostile})`,
};
const never: OtherCluster = { name: "us", url: "https://weir.us.example/", trouble: "it did not answer in time" };
let closed = 0;
const others = { take: async () => ({ clusters: [known, never], isBehind: true }), close: () => void closed++ };
const views = {
  filters: () => [filterIn("shop", "a"), filterIn("test", "b")],
  proxies: () => [proxyIn("shop", "a"), proxyIn("test", "b")],
};
const [alone, many] = [await startHub(views), await startHub(views, { others })];
after(() => Promise.all([alone.hub.close(), many.hub.close()]));

const text = (page: string) =>
  page
    .replace(/<head>.*<\/head>/s, "")
    .replace(/<[^>]*>/g, " ")
    .replace(/\s+/g, " ");

test("two namespaces side by side, and one tag with two digests is told", async () => {
  const page = text((await alone.ask("/compare?a=here/shop&b=here/test")).body);
  assert.match(page, /1 filter 0 the same 1 not the same/);
  assert.match(
    page,
    /waf 1 shop\/ waf aaaaaaaaaaaa 1 proxy 1 test\/ waf bbbbbbbbbbbb 1 proxy different one tag, two digests: r\.example\/waf:1/,
  );
  assert.doesNotMatch(page, /Other clusters/);
});

test("nothing chosen, or what is not there: the versions by environment, which the fleet shows too", async () => {
  for (const path of ["/compare", "/compare?a=here/gone&b=here/shop", "/compare?a=%3Cscript%3E", "/fleet"]) {
    const { status, body } = await alone.ask(path);
    assert.equal(status, 200);
    assert.match(text(body), /Version by environment Filter shop test They are waf 1 shop\/ waf aaaaaaaaaaaa 1 proxy/, path);
  }
});

test("other clusters are shown with their age, and why they do not answer; what they say is text", async () => {
  const { body } = await many.ask("/compare?a=here/shop&b=eu/shop");
  assert.match(body, /data-behind/);
  const page = text(body);
  assert.match(page, /Other clusters Cluster State As it was Why eu does not answer 9\ds ago it cannot be reached/);
  assert.match(page, /us does not answer never it did not answer in time/);
  assert.match(page, /aaaaaaaaaaaa 1 proxy .* cccccccccccc 7 proxies different/);
  assert.doesNotMatch(body, /<img|\u202e/);
  assert.match(text((await many.ask("/compare?a=here/&b=eu/")).body), /shop\/waf .* test\/waf .* not everywhere/);
});

test("a cluster that tells of thousands of namespaces leaves room for the others; what is chosen can be chosen again", async () => {
  const filters = Array.from({ length: 3_000 }, (_, at) => ({ namespace: `n${String(at).padStart(4, "0")}`, name: "waf" }));
  const large: OtherCluster = { name: "eu", url: "https://weir.eu.example/", state: { at: Date.now(), filters, running: [] } };
  const others = { take: async () => ({ clusters: [large], isBehind: false }), close: () => {} };
  const scene = await startHub(views, { others });
  try {
    const { body } = await scene.ask("/compare?a=here/shop&b=eu/n2999");
    const offered = [...(/<select name="b">(.*?)<\/select>/s.exec(body)?.[1]?.matchAll(/value="([^"]+)"( selected)?/g) ?? [])];
    // The 2 of this cluster, the first 500 of the other, the chosen one, and the two clusters whole.
    assert.equal(offered.length, 505);
    assert.deepEqual(
      offered.filter(([, , selected]) => selected).map(([, id]) => id),
      ["eu/n2999"],
    );
    assert.ok(offered.some(([, id]) => id === "here/test"));
    assert.match(text(body), /2,?499 environments more: name one in the address/);
  } finally {
    await scene.hub.close();
  }
});
