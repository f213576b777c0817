import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import { FILTER, type SceneViews, startHub } from "../testing/scene.ts";
import type { ProxyView } from "../views.ts";

const DIGEST = `sha256:${"a".repeat(64)}` as const;
const MODULE = `sha256:${"b".repeat(64)}` as const;
/** What a stranger may write where there is room for words. */
const HOSTILE = `<script>alert(1)</script>"'><img src=x onerror=alert(1)>\u202Egnp.exe\u0007`;

const NOW = "2026-01-01T00:00:00Z";

function filter(name: string, status: object, spec: object = {}): WasmFilter {
  return {
    ...FILTER,
    metadata: { name, namespace: "shop", labels: { kind: "security" }, creationTimestamp: NOW },
    spec: { image: `registry.example/${name}:1.2`, ...spec },
    status: { conditions: [condition("Ready", "True", "Ready", "")], ...status },
  } as WasmFilter;
}

function condition(type: string, status: string, reason: string, message: string): object {
  return { type, status, reason, message, lastTransitionTime: NOW };
}

const STATUS = {
  digest: DIGEST,
  wasmDigest: MODULE,
  revision: 2,
  stableRevision: 2,
  proxies: { matched: 4, updated: 3, rejected: 0, pending: 1 },
  rollout: { state: "Succeeded", startTime: NOW },
  history: [
    { revision: 2, digest: DIGEST, wasmDigest: MODULE, image: "registry.example/waf:1.2", time: NOW, result: "Succeeded" },
    { revision: 1, digest: DIGEST, wasmDigest: MODULE, image: "registry.example/waf:1.1", time: NOW, result: "Superseded" },
  ],
};

function proxy(id: string, state: "updated" | "pending" | "rejected", message = "", connected = true): ProxyView {
  const one = { namespace: "shop", name: "waf", revision: 2, digest: DIGEST, wasmDigest: MODULE, state, message };
  return { id, namespace: "shop", labels: { app: id }, connected, slots: [{ name: "default", filters: [one] }] };
}

async function pages(overrides: SceneViews, paths: readonly string[]): Promise<Record<string, string>> {
  const scene = await startHub(overrides);
  try {
    const read = await Promise.all(
      paths.map(async (path) => {
        const { status, headers, body } = await scene.ask(path);
        assert.equal(status, 200, path);
        assert.equal(headers["content-type"], "text/html; charset=utf-8");
        return [path, Buffer.from(body, "latin1").toString("utf8")] as const;
      }),
    );
    return Object.fromEntries(read);
  } finally {
    await scene.hub.close();
  }
}

/** The text of a page, as a reader has it. */
function text(page: string | undefined): string {
  return (page ?? "").replace(/<[^>]*>/g, " ").replace(/\s+/g, " ");
}

test("rows of filters have names of their own: a page that follows changes would show one in the place of another", async () => {
  const twins = [
    ["shop", "eu-waf"],
    ["shop-eu", "waf"],
  ].map(([namespace, name]) => ({ ...FILTER, metadata: { ...FILTER.metadata, namespace, name } }) as WasmFilter);
  const { "/filters": page } = await pages({ filters: () => twins }, ["/filters"]);
  const ids = [...(page ?? "").matchAll(/<tr id="([^"]+)"/g)].map(([, id]) => id);
  assert.equal(ids.length, 2);
  assert.equal(new Set(ids).size, 2, ids.join(", "));
});

describe("pages", () => {
  test("filters that need a person come first; choices are in the URL", async () => {
    const filters = [
      filter("fine", STATUS),
      filter("broken", { ...STATUS, rollout: { state: "RolledBack", message: "5xx 7.9 % against 0.4 %" } }),
      filter("waits", { ...STATUS, rollout: { state: "Paused", message: "waits for a person" } }),
      filter("unread", { conditions: [] }),
    ];
    const read = await pages({ filters: () => filters }, [
      "/filters",
      "/filters?state=paused",
      "/filters?q=WAITS",
      "/filters?sort=name",
      "/",
    ]);
    const names = (page: string | undefined): string[] =>
      [...(page ?? "").matchAll(/<tr id="filter-shop\/(\w+)"/g)].map(([, name]) => name ?? "");
    assert.deepEqual(names(read["/filters"]), ["broken", "waits", "unread", "fine"]);
    assert.deepEqual(names(read["/filters?state=paused"]), ["waits"]);
    assert.deepEqual(names(read["/filters?q=WAITS"]), ["waits"]);
    assert.deepEqual(names(read["/filters?sort=name"]), ["broken", "fine", "unread", "waits"]);
    assert.match(text(read["/"]), /Needs a person failed shop\/ broken 5xx 7.9 % against 0.4 % paused shop\/ waits/);
    assert.match(text(read["/filters"]), /fine 1\.2 r2 aaaaaaaaaaaa as wanted 3\/4 tag once 1\.2/);
  });

  test("the fleet tells every proxy by what is wrong with it, in Envoy's words", async () => {
    const proxies = [
      proxy("web-1", "updated"),
      proxy("web-2", "rejected", "revision 2 rejected: no root context"),
      proxy("web-3", "updated", "", false),
    ];
    const read = await pages({ proxies: () => proxies }, [
      "/fleet",
      "/fleet?state=lost",
      "/fleet?label=app%3Dweb-1",
      "/fleet/proxy?namespace=shop&id=web-2",
    ]);
    assert.match(text(read["/fleet"]), /3 proxies 1 as wanted 1 refused 1 lost/);
    assert.match(text(read["/fleet"]), /shop\/ web-2 refused 1 shop\/ waf revision 2 rejected: no root context shop\/ web-3 lost/);
    assert.doesNotMatch(text(read["/fleet?state=lost"]), /web-2 ▲/);
    assert.match(text(read["/fleet?label=app%3Dweb-1"]), /shop\/ web-1 as wanted 1 1 proxy/);
    assert.match(
      text(read["/fleet/proxy?namespace=shop&id=web-2"]),
      /Slot default .* waf 2 aaaaaaaaaaaa bbbbbbbbbbbb refused revision 2 rejected/,
    );
  });

  test("a digest leads to its proxies and its history", async () => {
    const read = await pages(
      { filters: () => [filter("waf", STATUS)], proxies: () => [proxy("web-1", "updated"), proxy("web-2", "updated")] },
      [`/digests/${MODULE}`],
    );
    assert.match(text(read[`/digests/${MODULE}`]), /Runs now: 2 times .* shop\/ waf 2 aaaaaaaaaaaa as wanted 2 .* shop\/ waf 2 registry/);
  });

  test("revisions are compared, and a text from a Secret is not shown", async () => {
    const [page] = Object.values(
      await pages({ filters: () => [filter("add-header", STATUS)] }, ["/filters/shop/add-header/diff?from=1&to=2"]),
    );
    assert.match(text(page), /Revision 1 and revision 2 .* config .* Secret s \(k\)/);
    assert.doesNotMatch(page ?? "", /hunter2/);
  });

  test("hostile words run nowhere, and nothing that acts on a reader is left", async () => {
    const hostile = filter("waf", {
      ...STATUS,
      conditions: [condition("Ready", "False", HOSTILE, HOSTILE), condition("Stalled", "True", HOSTILE, HOSTILE)],
      rollout: { state: "RolledBack", message: HOSTILE },
      rejections: [{ proxy: HOSTILE, namespace: HOSTILE, message: HOSTILE }],
      history: [{ ...STATUS.history[0], image: HOSTILE, message: HOSTILE, result: "Rejected" }],
    });
    const labelled = {
      ...hostile,
      metadata: { ...hostile.metadata, labels: { [HOSTILE]: HOSTILE } },
      spec: { ...hostile.spec, image: HOSTILE, slot: HOSTILE },
    };
    const strange = { ...proxy(HOSTILE, "rejected", HOSTILE), namespace: HOSTILE, labels: { [HOSTILE]: HOSTILE } };
    const at = new URLSearchParams({ namespace: HOSTILE, id: HOSTILE }).toString();
    const paths = [
      "/",
      "/filters",
      "/filters/shop/waf",
      "/fleet",
      `/fleet/proxy?${at}`,
      "/history",
      `/filters?q=${encodeURIComponent(HOSTILE)}`,
    ];
    const read = await pages({ filters: () => [labelled], proxies: () => [strange] }, paths);
    for (const [path, page] of Object.entries(read)) {
      assert.equal([...page.matchAll(/<script/g)].length, 1, path);
      assert.doesNotMatch(page.replaceAll(/"[^"]*"/g, '""'), /<img|<[^>]*\son\w+=/, path);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
      assert.doesNotMatch(page, /[\u0000-\u0008\u000b-\u001f\u202a-\u202e]/, path);
    }
  });

  test("a browser is told in words what is not there; a page runs nothing but its own script", async () => {
    const scene = await startHub();
    try {
      const missing = await scene.ask("/filters/shop/none");
      assert.equal(missing.status, 404);
      assert.match(missing.body, /Nothing of that name is here/);
      const unknown = await scene.ask("/nowhere", { headers: { accept: "text/html" } });
      assert.equal(unknown.status, 404);
      assert.match(unknown.headers["content-type"] ?? "", /text\/html/);
      const { headers, body } = await scene.ask("/");
      assert.equal(
        headers["content-security-policy"],
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'",
      );
      for (const [, path = ""] of body.matchAll(/(?:href|src)="(\/assets\/[^"]+)"/g)) {
        const asset = await scene.ask(path);
        assert.equal(asset.status, 200, path);
        assert.equal(asset.headers["cache-control"], "public, max-age=31536000, immutable");
      }
    } finally {
      await scene.hub.close();
    }
  });

  test("one search finds filters, proxies and digests", async () => {
    const scene = await startHub();
    try {
      const found = async (q: string) => (await scene.ask(`/search?q=${encodeURIComponent(q)}`)).headers.location;
      assert.equal(await found("add-header"), "/filters/shop/add-header");
      assert.equal(await found("registry.example"), "/filters?q=registry.example");
      assert.equal(await found("web-1"), "/fleet?q=web-1");
      assert.equal(await found(` ${DIGEST}`), `/digests/${DIGEST}`);
      assert.equal(await found(""), "/filters");
    } finally {
      await scene.hub.close();
    }
  });
});

test("the numbers by which a rollout is judged stand beside those they are compared with, and their limits", async () => {
  const counted = { proxies: 2, requests: 1_000, errors5xx: 41, latencySumMs: 9_800, latencyCount: 1_000, vmFailures: 1, lost: 0 };
  const stable = { ...counted, proxies: 8, requests: 20, errors5xx: 1 };
  const before = { requests: 500, errors5xx: 2, latencySumMs: 4_550, latencyCount: 500 };
  const limits = { minRequests: 50, max5xxRisePercent: 5, maxLatencyRatio: 3 };
  const waveCount = () => ({ at: Date.parse(NOW), wave: counted, stable, before, limits });
  const { "/filters/shop/waf": page } = await pages({ filters: () => [filter("waf", STATUS)], waveCount }, ["/filters/shop/waf"]);
  assert.match(text(page), /2 proxies with the target, compared with the same proxies before/);
  assert.match(
    text(page),
    /5xx 4\.10% 0\.40% 5 points more Mean latency 9\.8 ms 9\.1 ms 3 times as long Requests 1000 500 judged from 50 on/,
  );
});

test("the history says who made a revision and why, where that is known; the page what comes next", async () => {
  const authors = [{ generation: 2, manager: "argocd", cause: HOSTILE }, { generation: 2 }, undefined];
  const revisions = authors.map((author, index) => ({ number: index + 1, settings: {}, capabilities: [], author })) as never;
  const history = [3, 2, 1].map((revision) => ({ ...STATUS.history[0], revision }));
  const status = { ...STATUS, history, rollout: { state: "RolledBack", startTime: NOW } };
  const { "/filters/shop/waf": page } = await pages({ filters: () => [filter("waf", status)], revisions: () => revisions }, [
    "/filters/shop/waf",
  ]);
  assert.match(text(page), /argocd: “&lt;script&gt;/);
  assert.equal(text(page).match(/by itself: what the spec names changed/g)?.length, 1);
  assert.match(text(page), /Next: nothing until the spec or its digest changes/);
  assert.doesNotMatch(page ?? "", /<script>alert|\u202E/);
});

test("each list of changes says who made them and why; a record that is gone or older says nothing", async () => {
  const authors = new Map([
    ["waf", { generation: 2, manager: "argocd", cause: HOSTILE }],
    ["tags", { generation: 2 }],
  ]);
  const revisions = ({ name }: { name: string }) =>
    [1, 2].map((number) => ({ number, settings: {}, capabilities: [], ...(number === 2 && { author: authors.get(name) }) })) as never;
  const filters = ["waf", "tags", "old"].map((name) => filter(name, STATUS));
  const paths = ["/", "/history", `/digests/${DIGEST}`];
  const read = await pages({ filters: () => filters, revisions }, paths);
  for (const path of paths) {
    const page = read[path] ?? "";
    assert.match(text(page), /When Filter Revision Image then Digest Result By/, path);
    assert.equal(text(page).match(/argocd: “&lt;script&gt;/g)?.length, 1, path);
    assert.equal(text(page).match(/by itself: what the spec names changed/g)?.length, 1, path);
    assert.doesNotMatch(page, /<script>alert|\u202E/, path);
  }
});

test("a rollout in waves is drawn and told wave by wave: who is on the new one, waited for, refused", async () => {
  const none = { updated: 0, awaited: 0, rejected: 0, later: 0, lost: 0 };
  const waves = async () => [
    { ...none, step: 1, percent: 10, updated: 999, rejected: 1 },
    { ...none, step: 2, percent: 10 },
    { ...none, step: 3, percent: 50, updated: 3_000, awaited: 1_000 },
    { ...none, step: 4, percent: 100, later: 4_999, lost: 1 },
  ];
  const rolling = { ...STATUS, rollout: { state: "Progressing", startTime: NOW, step: 3, steps: 4 } };
  const path = "/filters/shop/waf";
  const { [path]: page = "" } = await pages({ filters: () => [filter("waf", rolling)], waves }, [path]);
  const [picture = ""] = /<svg class="timeline"[^>]*aria-labelledby="waves-title waves-desc">.*?<\/svg>/s.exec(page) ?? [];
  assert.match(picture, /<title id="waves-title">10000 proxies in 4 waves<\/title>/);
  assert.match(picture, /Wave 1, up to 10%: 999 on the new one, 1 refused\. Wave 2, up to 10%: no other proxy\./);
  const drawn = [...picture.matchAll(/<rect class="([\w-]+)" x="([\d.]+)" y="18" width="([\d.]+)"/g)].map(([, style, x, width]) => ({
    style,
    x: Number(x),
    width: Number(width),
  }));
  assert.deepEqual(
    drawn.map(({ style }) => style),
    ["p-ok", "p-rejected", "p-ok", "p-pending", "p-old", "p-lost"],
  );
  for (const { style, width } of drawn) assert.ok(width > 2, `${style} is seen`);
  const last = drawn.at(-1);
  assert.ok(Math.abs((last?.x ?? 0) + (last?.width ?? 0) - 1_000) < 1, "the waves fill the picture");
  assert.match(
    text(page),
    /Wave Up to On the new one Refused Waited for Not yet Lost 1 10% 999 1 0 0 0 2 10% 0 0 0 0 0 3 now 50% 3000 0 1000 0 0 4 100%/,
  );
  const { [path]: single } = await pages({ filters: () => [filter("waf", rolling)], waves: async () => (await waves()).slice(3) }, [path]);
  assert.doesNotMatch(single ?? "", /waves-title/, "one wave is the bar");
});
