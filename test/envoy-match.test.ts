import assert from "node:assert/strict";
import { Agent, request } from "node:http";
import { connect } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { parse } from "yaml";
import type { RequestMatch } from "../model/match.ts";
import { parseFilter } from "../operator/parse/filter.ts";
import type { EnvoyVersion } from "../scripts/tools/envoy.ts";
import { MATCHED_TYPE } from "../xds/envoy/matcher.ts";
import { chainEntry } from "./support/chain-entry.ts";
import { cpuOf } from "./support/cpu.ts";
import { aroundSlots, editManager, slotsOfOne } from "./support/own-filters.ts";
import { type Scene, startScene } from "./support/scene.ts";
import { createSnippets } from "./support/snippets.ts";
import { soon } from "./support/soon.ts";
import { badModules, headerFilter, pathLogger } from "./support/wat.ts";

const logger = await pathLogger();
const logging = (name: string, match: readonly RequestMatch[] | undefined) => chainEntry(name, logger, { match });
/** Leaves its mark on the answer. */
const marker = await headerFilter({ name: "x-seen", value: "yes" });
const seenWhere = (match: readonly RequestMatch[] | undefined) => chainEntry("marked", marker, { match });

/** The paths that a filter wrote into Envoy's log. */
function logOf({ envoy }: Scene, name: string): string[] {
  return [...envoy.logs().matchAll(new RegExp(`wasm log shop/${name} [^:]*: (/\\S*)`, "g"))].map(([, path]) => path ?? "");
}

/** A request as it is written, and the head of the answer. */
function raw(port: number, path: string, { host = "a.example", method = "GET", headers = [] as readonly string[] } = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    let answer = "";
    socket.setEncoding("latin1");
    socket.on("data", (text) => {
      answer += text;
    });
    socket.on("end", () => resolve(answer.split("\r\n\r\n")[0] ?? ""));
    socket.on("error", reject);
    const lines = [`${method} ${path} HTTP/1.1`, `host: ${host}`, "connection: close", ...headers];
    socket.write(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
  });
}

async function isSeen(port: number, path: string, options?: Parameters<typeof raw>[2]): Promise<boolean> {
  return /x-seen: yes/.test(await raw(port, path, options));
}

const FORMS: readonly { readonly name: string; readonly version: EnvoyVersion; readonly edit?: (text: string) => string }[] = [
  { name: "one chain on 1.40", version: "1.40.0" },
  { name: "one chain on 1.39", version: "1.39.3" },
  { name: "a resource for each filter on 1.36", version: "1.36.4", edit: slotsOfOne(["marked"], [MATCHED_TYPE]) },
];

for (const { name, version, edit } of FORMS) {
  test(`a filter sees the requests that match, and no other: ${name}`, async (t) => {
    const scene = await startScene(t, { version, ...(edit === undefined ? {} : { edit }) });
    const { port } = scene;
    const given = async (
      match: readonly RequestMatch[] | undefined,
      cases: readonly (readonly [boolean, string, Parameters<typeof raw>[2]?])[],
    ) => {
      await scene.control.apply({ default: [seenWhere(match)] });
      const seen = async () => {
        const answers = [];
        for (const [, path, options] of cases) answers.push(await isSeen(port, path, options));
        return answers;
      };
      await soon(
        seen,
        cases.map(([expected]) => expected),
        JSON.stringify(match),
      );
    };
    await given(
      [{ path: { prefix: "/api" } }],
      [
        [true, "/api"],
        [true, "/api/a?x=1"],
        [true, "/apis"],
        [false, "/"],
        [false, "/x?y=/api"],
        [false, "/API"],
      ],
    );
    await given(
      [{ path: { exact: "/api" } }],
      [
        [true, "/api"],
        [true, "/api?x=1"],
        [false, "/api/"],
        [false, "/apis"],
        [false, "/x?/api"],
      ],
    );
    await given(
      [{ path: { regex: "/api/.*/secret" } }],
      [
        [true, "/api/a/secret"],
        [true, "/api/a/b/secret?q=1"],
        [false, "/api/a?x=/secret"],
        [false, "/api/secret"],
        [false, "/x/api/a/secret"],
      ],
    );
    await given(
      [{ path: { regex: "/(?:a|b)[^c]\\d{2}\\W?" } }],
      [
        [true, "/a-12"],
        [true, "/bx12?c"],
        [false, "/ac12"],
        [false, "/a-1"],
      ],
    );
    await given(
      [{ host: "A.example" }],
      [
        [true, "/"],
        [true, "/", { host: "A.Example:8080" }],
        [true, "/", { host: "a.example." }],
        [true, "http://a.example/x"],
        [false, "/", { host: "b.example" }],
        [false, "/", { host: "a.example.org" }],
      ],
    );
    await given(
      [{ method: "POST" }],
      [
        [true, "/", { method: "POST", headers: ["content-length: 0"] }],
        [false, "/"],
      ],
    );
    await given(
      [{ headers: [{ name: "x-a", exact: "1" }] }],
      [
        [true, "/", { headers: ["X-A: 1"] }],
        [false, "/", { headers: ["x-a: 12"] }],
        [false, "/", { headers: ["x-a: 1", "x-a: 1"] }],
        [false, "/"],
      ],
    );
    await given(
      [
        {
          headers: [
            { name: "x-a", prefix: "v" },
            { name: "x-b", present: false },
          ],
        },
      ],
      [
        [true, "/", { headers: ["x-a: v1"] }],
        [false, "/", { headers: ["x-a: v1", "x-b:"] }],
        [false, "/", { headers: ["x-a: 1"] }],
      ],
    );
    await given(
      [{ headers: [{ name: "x-a", present: true }] }],
      [
        [true, "/", { headers: ["x-a:"] }],
        [true, "/", { headers: ["x-a: \xff\xfe"] }],
        [false, "/"],
      ],
    );
    await given(
      [
        { path: { prefix: "/a" }, method: "GET" },
        { path: { prefix: "/b" }, host: "b.example" },
      ],
      [
        [true, "/a"],
        [true, "/b", { host: "b.example" }],
        [false, "/b"],
        [false, "/a", { method: "POST", headers: ["content-length: 0"] }],
      ],
    );
    await given(undefined, [
      [true, "/"],
      [true, "/any"],
    ]);
  });
}

test("of 1,000 requests of mixed paths each of three filters logs exactly its own, and they keep their order", async (t) => {
  const scene = await startScene(t);
  const filters = [
    logging("a", [{ path: { prefix: "/a/" } }, { path: { prefix: "/ab/" } }]),
    logging("b", [{ path: { prefix: "/b/" } }, { path: { prefix: "/ab/" } }]),
    logging("c", [{ path: { regex: "/(?:c|ab)/[0-9]+" } }]),
  ];
  await scene.control.apply({ default: filters });
  await soon(async () => {
    await raw(scene.port, "/ab/0");
    return ["a", "b", "c"].map((name) => logOf(scene, name).includes("/ab/0"));
  }, [true, true, true]);
  const before = Object.fromEntries(["a", "b", "c"].map((name) => [name, logOf(scene, name).length]));
  const places = ["a", "b", "c", "ab", "other"];
  const sent = Array.from({ length: 1000 }, (_, i) => `/${places[(i * 7) % 5]}/${i + 1}`);
  await askAll(scene.port, sent);
  for (const name of ["a", "b", "c"]) {
    const own = sent.filter((path) => path.startsWith(`/${name}/`) || path.startsWith("/ab/"));
    await soon(async () => logOf(scene, name).slice(before[name]).sort(), [...own].sort());
    t.diagnostic(`filter ${name} logged ${own.length} of ${sent.length} requests, exactly its own`);
  }
  const order = [...scene.envoy.logs().matchAll(/wasm log shop\/(\w) [^:]*: \/ab\/1000/g)].map(([, name]) => name).join("");
  assert.ok(["", "abc"].includes(order), order);
});

/** Over a few connections. */
async function askAll(port: number, paths: readonly string[], agentCount = 4): Promise<void> {
  const queue = [...paths];
  await Promise.all(
    Array.from({ length: agentCount }, async () => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      for (let path = queue.shift(); path !== undefined; path = queue.shift()) await ask(port, path, agent);
      agent.destroy();
    }),
  );
}

function ask(port: number, path: string, agent: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: "127.0.0.1", port, path, agent }, (response) => {
      response.resume();
      response.once("end", () => resolve(response.statusCode ?? 0));
    });
    outgoing.once("error", reject);
    outgoing.end();
  });
}

describe("where it cannot be had", () => {
  test("a place that takes no matched filter refuses it by name, and keeps what it has", async (t: TestContext) => {
    const scene = await startScene(t, { version: "1.36.4", edit: slotsOfOne(["marked"]) });
    await scene.control.apply({ default: [seenWhere(undefined)] });
    await soon(() => isSeen(scene.port, "/"), true);
    const rejection = await scene.control.refused({ default: [seenWhere([{ path: { prefix: "/api" } }])] });
    t.diagnostic(rejection.message);
    assert.match(rejection.message, /ExtensionWithMatcher/);
    assert.equal(rejection.culprit?.filter.name, "marked");
    assert.equal(await isSeen(scene.port, "/"), true, "the last one stays in force");
  });

  test("a module that cannot load is refused under a match too", async (t) => {
    const scene = await startScene(t);
    const match = [{ path: { prefix: "/api" } }];
    const bad = chainEntry("bad", await badModules.missingImport(), { match });
    const rejection = await scene.control.refused({ default: [bad] });
    assert.equal(rejection.culprit?.filter.name, "bad");
    assert.match(rejection.message, /shop\/bad/);
  });
});

/** Ways to write a path that some app takes for /api or for something below it. */
const DISGUISES = [
  "/api",
  "//api",
  "/x/../api",
  "/./api",
  "/x/%2e%2e/api",
  "/x/%2E./api",
  "/x%2f..%2fapi",
  "/%61pi",
  "/%2fapi",
  "/x//..//api",
  "\\api",
  "/x\\..\\api",
  "/%5capi",
  "/..;/api",
  "/.;/api",
  "/%2e%2e;/api",
  "/..%3b/api",
  "/x/..%3B/api",
  "/x/%2E.;a=b/api",
  "/;/api",
  "/;a=b/api",
  "/%3b/api",
  "/API",
  "/x?/../api",
  "http://a.example/x/../api",
  "http://a.example//api",
];

async function askDisguised(port: number) {
  const rows = [];
  for (const path of DISGUISES) {
    const head = await raw(port, path);
    rows.push({ path, status: Number(head.split(" ")[1]), app: /^x-path: (.*)$/m.exec(head)?.[1]?.trim(), seen: /x-seen: yes/.test(head) });
  }
  return rows;
}

/** Each request was seen exactly if the app got a path that begins with /api. */
async function assertNormal(t: TestContext, port: number): Promise<void> {
  for (const { path, status, app, seen } of await askDisguised(port)) {
    t.diagnostic(`${path} -> ${status} ${app ?? ""}${seen ? ", seen" : ""}`);
    if (status !== 200) assert.ok(status >= 300 && status < 500, `${path} ${status}`);
    else assert.equal(seen, app?.startsWith("/api"), path);
    assert.doesNotMatch(app?.split("?")[0] ?? "", /\/\/|\/\.\.?(\/|$)|%2f|%5c/i, path);
  }
}

const page = await createSnippets("matching");

test("the examples of the documentation are specs that parse", async () => {
  const [text = ""] = page.unnamed();
  const { spec } = parse(text);
  const object = {
    apiVersion: "weir.dev/v1alpha1",
    kind: "WasmFilter",
    metadata: { name: "f" },
    spec: { ...spec, image: "r.example/f:1" },
  };
  const read = parseFilter(object);
  assert.ok(read.ok && read.value.settings.match?.length === 2, read.ok ? "" : read.error.message);
  const steps = (await createSnippets("rollout")).unnamed().map((text) => parse(text).spec);
  for (const spec of steps) {
    const parsed = parseFilter({ ...object, spec: { ...spec, image: "r.example/f:1" } });
    assert.ok(parsed.ok, parsed.ok ? "" : parsed.error.message);
  }
  assert.ok(steps.some(({ rollout }) => rollout.steps[0].match !== undefined));
});

test("a filter whose match does not hold sees no answer either, not of an earlier filter; it hears of the end of each request", async (t) => {
  const abort = {
    name: "abort",
    typed_config: {
      "@type": "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault",
      abort: { http_status: 418, percentage: { numerator: 100 } },
      headers: [{ name: "x-abort", present_match: true }],
    },
  };
  const scene = await startScene(t, { edit: aroundSlots((filters) => [abort, ...filters]) });
  const match = [{ path: { prefix: "/api" } }];
  await scene.control.apply({ default: [seenWhere(match), logging("log", match)] });
  await soon(() => isSeen(scene.port, "/api"), true);
  assert.equal(await isSeen(scene.port, "/other"), false);
  assert.equal(await isSeen(scene.port, "/other", { headers: ["x-abort: 1"] }), false);
  await soon(async () => [...scene.envoy.logs().matchAll(/wasm log shop\/log [^:]*: :path/g)].length >= 3, true);
  assert.ok(!logOf(scene, "log").includes("/other"));
});

describe("paths that are written to be taken for others", () => {
  const match = [{ path: { prefix: "/api" } }];

  test("on a managed listener the app gets no path that the filter was not asked about", async (t) => {
    const scene = await startScene(t, { bootstrap: { managed: true, stats: false } });
    scene.control.desire({ default: [seenWhere(undefined)] });
    await soon(() => isSeen(scene.port, "/").catch(() => false), true);
    assert.match(
      await raw(scene.port, "/a%2Fb//c/../d"),
      /x-path: \/a%252Fb\/\/c\/..\/d/,
      "no filter matches by path: it is left as it is",
    );
    await scene.control.apply({ default: [seenWhere(match)] });
    await soon(() => isSeen(scene.port, "/x/../api"), true);
    await assertNormal(t, scene.port);
  });

  test("on the listener of `weir bootstrap` none passes the filter by", async (t) => {
    const scene = await startScene(t);
    await scene.control.apply({ default: [seenWhere(match)] });
    await soon(() => isSeen(scene.port, "/api"), true);
    await assertNormal(t, scene.port);
    const isDotted = ({ path }: { readonly path: string }) => /%2e.*;|%2e.;|%3b\/api/i.test(path) && path !== "/%3b/api";
    const narrow = await askDisguised(scene.port);
    assert.deepEqual([...new Set(narrow.filter(isDotted).map(({ status }) => status))], [400]);
    const unseen = narrow.filter(({ status, seen }) => status === 200 && !seen).map(({ path }) => path);
    assert.deepEqual(unseen, ["/x//..//api", "/;/api", "/;a=b/api", "/%3b/api", "/API", "/x?/../api"]);
    const wider = page.yaml("match") as unknown as readonly RequestMatch[];
    await scene.control.apply({ default: [seenWhere(wider)] });
    await soon(() => isSeen(scene.port, "/;/api"), true);
    for (const { path, status, seen } of await askDisguised(scene.port)) if (status === 200 && /;|%3b/i.test(path)) assert.ok(seen, path);
  });

  test("a host has one way to be written, and a port; what is no such way is another host", async (t) => {
    const scene = await startScene(t);
    await scene.control.apply({ default: [seenWhere([{ host: "admin.example" }])] });
    const seenAs = (host: string) => isSeen(scene.port, "/", { host });
    await soon(() => seenAs("admin.example").catch(() => false), true);
    for (const host of ["ADMIN.example", "admin.example:8080", "admin.example."]) assert.ok(await seenAs(host), host);
    for (const host of ["admin.example..", "user@admin.example", "xadmin.example"]) assert.ok(!(await seenAs(host)), host);
  });

  test("on a listener of one's own that does not make them normal, some pass the filter by; the three settings close that", async (t) => {
    const bare = await startScene(t, { bootstrap: { paths: "as-written" } });
    await bare.control.apply({ default: [seenWhere(match)] });
    await soon(() => isSeen(bare.port, "/api"), true);
    const passed = (await askDisguised(bare.port)).filter(({ status, seen }) => status === 200 && !seen).map(({ path }) => path);
    t.diagnostic(`not seen: ${passed.join(" ")}`);
    assert.ok(passed.includes("//api") && passed.includes("/x%2f..%2fapi"));

    const settings = page.yaml("http_connection_manager");
    const normal = await startScene(t, {
      bootstrap: { paths: "as-written" },
      edit: editManager((manager) => Object.assign(manager, settings)),
    });
    await normal.control.apply({ default: [seenWhere(match)] });
    await soon(() => isSeen(normal.port, "/api"), true);
    await assertNormal(t, normal.port);
  });
});

test("what a match costs a request", async (t) => {
  const scene = await startScene(t, { bootstrap: { stats: false } });
  const chainOf = (match: readonly RequestMatch[] | undefined) => ["a", "b", "c"].map((name) => chainEntry(name, marker, { match }));
  const kinds: Record<string, readonly RequestMatch[] | undefined> = {
    "no match": undefined,
    "a match, seen": [{ path: { prefix: "/api" } }],
    "a match of a regex, a host and a header, seen": [
      { path: { regex: "/(?:api|v[0-9]+)/[^/]+" }, host: "127.0.0.1", headers: [{ name: "x-none", present: false }] },
    ],
    "a match, not seen": [{ path: { prefix: "/other" } }],
  };
  const paths = Array.from({ length: 1500 }, (_, i) => `/api/${i}`);
  const measure = async (match: readonly RequestMatch[] | undefined) => {
    await scene.control.apply({ default: chainOf(match) });
    await askAll(scene.port, paths.slice(0, 100));
    const before = await cpuOf(scene.envoy.pid);
    await askAll(scene.port, paths);
    return ((await cpuOf(scene.envoy.pid)) - before) / paths.length;
  };
  const taken = new Map<string, number[]>();
  for (let round = 0; round < 3; round++) {
    for (const [name, match] of Object.entries(kinds)) taken.set(name, [...(taken.get(name) ?? []), await measure(match)]);
  }
  const least = (name: string) => Math.min(...(taken.get(name) ?? []));
  for (const name of taken.keys())
    t.diagnostic(`three filters, ${name}: ${(least(name) * 1000).toFixed(0)} µs of Envoy's CPU for a request`);
  assert.ok(!(least("a match, seen") > 3 * least("no match")), "a match costs more than the filters");
});
