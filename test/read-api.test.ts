import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import type { WasmFilter } from "../model/gen/wasmfilter.ts";
import { pushModule } from "../oci/index.ts";
import { type DeltaProxy, startDeltaProxy } from "./support/delta-proxy.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { headerFilter } from "./support/wat.ts";
import { startWeir, type Weir } from "./support/weir.ts";

interface World {
  readonly server: Weir;
  readonly proxy: DeltaProxy;
  /** Makes the filter's module anew, so that a new revision goes out. */
  release(value: string): Promise<void>;
}

let world: World;
const open: (() => Promise<unknown>)[] = [];

const SLOT = "weir/default";

before(async () => {
  const { path: folder, remove } = await createTempFolder("read-api");
  open.push(remove);
  await mkdir(join(folder, "filters"));
  const release = async (value: string) => {
    const image = `oci-layout:images:${value}`;
    const pushed = await pushModule(image, await headerFilter({ name: "x-weir", value }), { keychain: new Map(), layoutBase: folder });
    assert.ok(pushed.ok);
    const manifest = {
      apiVersion: "weir.dev/v1alpha1",
      kind: "WasmFilter",
      metadata: { name: "mark", namespace: "shop" },
      spec: { image },
    };
    await writeFile(join(folder, "filters", "mark.json"), JSON.stringify(manifest));
  };
  const flags = ["--log-format", "json", "--log-level", "debug"];
  const server = await startWeir({ source: ["--filters", "filters"], data: "data", cwd: folder, flags });
  open.push(server.stop);
  const proxy = startDeltaProxy(server.xdsPort, { id: "web-1", namespace: "shop", filterChain: true, names: [SLOT] });
  open.push(async () => proxy.close());
  await release("one");
  await server.until("the first release", "mark", ({ status }) => status?.proxies?.updated === 1);
  world = { server, proxy, release };
});

after(async () => {
  for (const close of open.reverse()) await close();
});

async function read(path: string): Promise<unknown> {
  const response = await fetch(`${world.server.url}${path}`);
  assert.ok(response.ok, path);
  return response.json();
}

interface Operation {
  readonly responses: Readonly<Record<string, { readonly content: Readonly<Record<string, { readonly schema: object }>> }>>;
}

interface Document {
  readonly paths: Readonly<Record<string, { readonly get: Operation }>>;
  readonly components: object;
}

/** What the document says that a path answers with. */
function schemaOf(document: Document, path: string, status = 200): ValidateFunction {
  const schema = document.paths[path]?.get.responses[status]?.content["application/json"]?.schema;
  assert.ok(schema, path);
  const ajv = new Ajv2020({ allErrors: true, validateFormats: false, keywords: ["components"] });
  return ajv.compile({ ...schema, components: document.components });
}

async function metric(line: string): Promise<number> {
  const text = await world.server.metrics();
  const found = text.split("\n").find((sample) => sample.startsWith(`${line} `));
  return found === undefined ? Number.NaN : Number(found.slice(line.length + 1));
}

describe("the OpenAPI document", () => {
  test("holds for what a running server answers", async (t) => {
    const document = (await read("/openapi.json")) as Document;
    const filter = "/api/v1/filters/{namespace}/{name}";
    for (const path of ["/api/v1/filters", "/api/v1/proxies", filter, `${filter}/revisions`]) {
      const validate = schemaOf(document, path);
      const answer = await read(path.replace("{namespace}", "shop").replace("{name}", "mark"));
      assert.ok(validate(answer), `${path}: ${JSON.stringify(validate.errors)}`);
      assert.ok(!validate(JSON.parse(JSON.stringify(answer).replaceAll('"name"', '"nome"').replaceAll('"number"', '"nomber"'))), path);
      t.diagnostic(`${path}: ${JSON.stringify(answer).length} bytes`);
    }
    const refused = await fetch(`${world.server.url}/api/v1/filters/shop/other`);
    assert.ok(schemaOf(document, filter, 404)(await refused.json()));
  });
});

describe("the lists of a running server", () => {
  test("come by pages and counted, and as they were for who asks for nothing", async () => {
    const whole = (await read("/api/v1/proxies")) as { id: string }[];
    const page = (await read("/api/v1/proxies?limit=1")) as { items: unknown[] };
    assert.deepEqual(page.items, whole);
    assert.deepEqual(await read("/api/v1/proxies?namespace=test"), []);
    const document = (await read("/openapi.json")) as Document;
    const validate = schemaOf(document, "/api/v1/fleet");
    const fleet = (await read("/api/v1/fleet")) as { groups: { filter: string; proxies: number }[] };
    assert.ok(validate(fleet), JSON.stringify(validate.errors));
    assert.deepEqual(
      fleet.groups.map(({ filter, proxies }) => [filter, proxies]),
      [["shop/mark", 1]],
    );
    const { status } = await fetch(`${world.server.url}/api/v1/fleet?groupBy=colour`);
    assert.equal(status, 400);
  });
});

describe("metrics of a rollout", () => {
  test("one pull, one proof, and what the store holds", async () => {
    assert.equal(await metric('weir_pull_duration_seconds_count{outcome="success"}'), 1);
    assert.equal(await metric('weir_prove_duration_seconds_count{outcome="success"}'), 1);
    assert.ok((await metric("weir_store_bytes")) > 100);
    assert.equal(await metric('weir_filter_proxies{namespace="shop",name="mark",state="updated"}'), 1);
  });

  test("reconciles, and what waits for one", async () => {
    assert.ok((await metric('weir_reconcile_duration_seconds_count{outcome="success"}')) > 1);
    assert.equal(await metric('weir_resolve_duration_seconds_count{outcome="success"}'), 1);
    assert.equal(await metric("weir_queue_depth"), 0);
  });

  test("what was sent and acknowledged, and who is there", async () => {
    const [sent, acknowledged] = [
      await metric('weir_pushes_total{type="extension_config"}'),
      await metric('weir_push_ack_duration_seconds_count{type="extension_config"}'),
    ];
    assert.ok(sent >= 1);
    assert.equal(acknowledged, sent);
    assert.deepEqual([await metric("weir_proxies"), await metric("weir_proxies_connected"), await metric("weir_streams")], [1, 1, 1]);
  });

  test("what a proxy rejects", async () => {
    world.proxy.refuse(SLOT, "Unable to create Wasm plugin shop/mark");
    await world.release("two");
    await world.server.until("the rollback", "mark", ({ status }) => status?.history?.[0]?.result === "RolledBack");
    assert.ok((await metric('weir_nacks_total{reason="plugin"}')) >= 1);
  });
});

describe("log lines of a rollout", () => {
  const lines = () =>
    world.server
      .logs()
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as Record<string, unknown>);

  test("the operator's lines carry the id that a proxy's answer to it carries", () => {
    const started = lines().filter(({ event }) => event === "RolloutStarted");
    const answers = new Set<unknown>(
      lines().flatMap(({ proxy, rollout }) => (proxy === "web-1" && rollout !== undefined ? [rollout] : [])),
    );
    assert.equal(started.length, 2);
    for (const { rollout, msg } of started) assert.ok(answers.has(rollout), `${msg}: ${rollout} is not among ${[...answers].join(" ")}`);
  });

  test("an ACK and a NACK carry the id of what was rolled out", () => {
    const acked = lines().find(({ msg, rollout }) => msg === "a proxy acknowledged" && rollout !== undefined);
    assert.match(String(acked?.rollout), /^shop\/mark#1@[0-9a-f]{8}$/);
    const rejected = lines().find(({ msg }) => msg === "a proxy rejected what it was sent");
    assert.match(String(rejected?.rollout), /^shop\/mark#2@[0-9a-f]{8}$/);
    assert.deepEqual([rejected?.level, rejected?.proxy, rejected?.slot], ["warn", "web-1", "default"]);
    assert.equal(rejected?.message, "Unable to create Wasm plugin shop/mark");
  });
});

describe("the event stream of a running server", () => {
  /** Reads the stream behind an id until a part came. */
  async function follow(lastEventId: string | undefined, until: RegExp): Promise<string> {
    const headers: Record<string, string> = lastEventId === undefined ? {} : { "last-event-id": lastEventId };
    const { body } = await fetch(`${world.server.url}/api/v1/events`, { headers, signal: AbortSignal.timeout(20_000) });
    assert.ok(body);
    let text = "";
    for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      if (until.test(text)) break;
    }
    return text;
  }
  const idIn = (text: string) => [...text.matchAll(/^id: (.*)$/gm)].at(-1)?.[1] ?? "";

  test("a reader that was away while a revision rolled out is told of it, once; one of another process reads all again", async () => {
    const place = idIn(await follow(undefined, /^id: .*\n\n/m));
    await world.release("three");
    const isBack = (status: WasmFilter["status"]) => status?.history?.[0]?.revision === 3 && status.history[0].result === "RolledBack";
    await world.server.until("the rollback", "mark", ({ status }) => isBack(status));
    const missed = await follow(place, /"reason":"RolledBack"[^\n]*\n\n.*\n\n/s);
    const told = [...missed.matchAll(/"reason":"(\w+)"/g)].map(([, reason]) => reason);
    assert.deepEqual(told, ["Validated", "RolloutStarted", "RolledBack"]);
    assert.doesNotMatch(await follow(idIn(missed), /^id: .*\n\n/m), /RolloutStarted/);
    assert.match(await follow("00000000-4", /\n\n/), /^event: reset$/m);
  });
});
