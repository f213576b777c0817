import assert from "node:assert/strict";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { pushModule } from "../oci/index.ts";
import type { Node } from "../xds/gen/envoy/config/core/v3/base.ts";
import { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from "../xds/gen/envoy/service/discovery/v3/discovery.ts";
import { StreamMetricsMessage } from "../xds/gen/envoy/service/metrics/v3/metrics_service.ts";
import { connectGrpc, type TestConnection } from "../xds/testing/grpc-client.ts";
import { startEchoApp } from "./support/echo-app.ts";
import { eventually } from "./support/process.ts";
import { startProxy } from "./support/scene.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { get } from "./support/traffic.ts";
import { assemble } from "./support/wat.ts";
import { startWeir } from "./support/weir.ts";

const ADS = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";
const ECDS = "/envoy.service.extension.v3.ExtensionConfigDiscoveryService/DeltaExtensionConfigs";
const CSDS = "/envoy.service.status.v3.ClientStatusDiscoveryService/FetchClientStatus";
const METRICS = "/envoy.service.metrics.v3.MetricsService/StreamMetrics";
const HEALTH = "/grpc.health.v1.Health/Check";
const TYPE = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig";
const [UNAUTHENTICATED, DENIED] = [16, 7];
const SECRET = "db-password=hunter2-correct-horse";
const [SHOP, WEB_2, EVIL, READER] = [
  "shop-aaaaaaaaaaaaaaaaaaaa",
  "web2-bbbbbbbbbbbbbbbbbbbb",
  "evil-cccccccccccccccccccc",
  "read-dddddddddddddddddddd",
];

const BASE = `(memory (export "memory") 1) (func (export "proxy_abi_version_0_2_1")) (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_context_create") (param i32 i32))`;
/** Answers 403 to everything. */
const AUTH = `(module (import "env" "proxy_send_local_response" (func $r (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32))) ${BASE}
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (drop (call $r (i32.const 403) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const -1))) (i32.const 1)))`;

async function startWorld(t: TestContext, flags: (folder: string) => readonly string[] = () => []) {
  const { path: folder, remove } = await createTempFolder("attack-identity");
  t.after(remove);
  await mkdir(join(folder, "filters"));
  await writeFile(
    join(folder, "tokens.yaml"),
    JSON.stringify([
      { token: SHOP, namespace: "shop" },
      { token: WEB_2, namespace: "shop", node: "web-2" },
      { token: EVIL, namespace: "evil" },
      { token: READER, role: "reader" },
    ]),
  );
  const push = async (tag: string, wat: string) => {
    const pushed = await pushModule(`oci-layout:images:${tag}`, await assemble(wat), { keychain: new Map(), layoutBase: folder });
    assert.ok(pushed.ok);
  };
  const apply = async (name: string, ...objects: object[]) => {
    const texts = objects.map((object) => JSON.stringify(object));
    await writeFile(join(folder, `${name}.yaml`), texts.join("\n---\n"));
    await rename(join(folder, `${name}.yaml`), join(folder, "filters", `${name}.yaml`));
  };
  const filter = (name: string, spec: object) => ({
    apiVersion: "weir.dev/v1alpha1",
    kind: "WasmFilter",
    metadata: { name, namespace: "shop" },
    spec,
  });
  const server = await startWeir({ source: ["--filters", "filters"], data: "data", cwd: folder, flags: flags(folder) });
  t.after(server.stop);
  const connect = (authorization?: string): TestConnection => {
    const connection = connectGrpc(server.xdsPort, authorization === undefined ? {} : { authorization });
    t.after(() => connection.close());
    return connection;
  };
  return { server, push, apply, filter, connect };
}

function node(id: string, namespace: string, labels: Record<string, string> = {}): Node {
  const version = {
    $case: "userAgentBuildVersion",
    userAgentBuildVersion: { version: { majorNumber: 1, minorNumber: 40, patch: 0 } },
  } as const;
  return {
    id,
    metadata: { NAMESPACE: namespace, LABELS: labels },
    userAgentVersionType: version,
    extensions: [{ name: "envoy.filters.http.filter_chain" }],
  };
}

/** A proxy that takes everything: what it was sent, as text, and how its stream ended. */
function speak(connection: TestConnection, who: Node, path = ADS) {
  let received = "";
  const call = connection.call(path, (bytes) => {
    received += bytes.toString("latin1");
    const { nonce = "" } = DeltaDiscoveryResponse.decode(bytes);
    void call.write(DeltaDiscoveryRequest.encode({ typeUrl: TYPE, responseNonce: nonce }).finish());
  });
  void call.write(DeltaDiscoveryRequest.encode({ node: who, typeUrl: TYPE, resourceNamesSubscribe: ["weir/default"] }).finish());
  return { received: () => received, ended: call.ended };
}

test("03: streams that claim a proxy's node id take no filter off it, with its namespace and with another", async (t) => {
  const { server, push, apply, filter, connect } = await startWorld(t);
  const app = await startEchoApp();
  t.after(app.stop);
  await push("auth", AUTH);
  await apply("auth", filter("auth", { image: "oci-layout:images:auth", selector: { matchLabels: { app: "web" } } }));
  const { port } = await startProxy(t, { bootstrap: { xds: { host: "127.0.0.1", port: server.xdsPort } }, app });
  const status = async () => (await get(port)).status;
  await eventually("the filter", async () => (await status()) === 403, 10_000);
  const strangers = [speak(connect(), node("web-1", "nowhere")), speak(connect(), node("web-1", "shop"))];
  await eventually("the strangers' answers", async () => strangers.every(({ received }) => received() !== ""));
  const until = performance.now() + 1_500;
  const seen = new Map<number, number>();
  while (performance.now() < until) {
    const answer = await status();
    seen.set(answer, (seen.get(answer) ?? 0) + 1);
  }
  t.diagnostic(`answers while two strangers claim the proxy: ${JSON.stringify([...seen])}`);
  assert.deepEqual([...seen.keys()], [403]);
});

test("03, 04: who proved nothing, or another namespace or node, gets no stream, no secret and no list of proxies; each refusal has words and is counted", async (t) => {
  const { server, push, apply, filter, connect } = await startWorld(t, (folder) => ["--token-auth-file", join(folder, "tokens.yaml")]);
  await push("f", `(module ${BASE})`);
  const secretKeyRef = { name: "s", key: "config" };
  await apply(
    "f",
    { apiVersion: "v1", kind: "Secret", metadata: { name: "s", namespace: "shop" }, stringData: { config: SECRET } },
    filter("f", { image: "oci-layout:images:f", configFrom: { secretKeyRef }, selector: { matchLabels: { app: "web" } } }),
  );
  const victim = speak(connect(`Bearer ${SHOP}`), node("web-1", "shop", { app: "web" }));
  await eventually("the victim's filter", async () => victim.received().includes(SECRET));
  const shop = node("web-1", "shop", { app: "web" });
  const wrong = "Bearer wrong-token-wrong-token";
  for (const [what, proof, who, path, code, words] of [
    ["no proof", undefined, shop, ADS, UNAUTHENTICATED, /asks who you are/],
    ["no proof, ECDS", undefined, shop, ECDS, UNAUTHENTICATED, /asks who you are/],
    ["a wrong token", wrong, shop, ADS, UNAUTHENTICATED, /not one that this server knows/],
    ["another namespace's token", EVIL, shop, ADS, DENIED, /NAMESPACE is shop, and this client proved that it belongs to evil/],
    ["another namespace's token, ECDS", `Bearer ${EVIL}`, shop, ECDS, DENIED, /belongs to evil/],
    ["another node's token", WEB_2, shop, ADS, DENIED, /node.id is web-1, and this client proved that it is web-2/],
    ["a reader's token", READER, shop, ADS, DENIED, /a reader's token/],
  ] as const) {
    const attack = speak(connect(proof), who, path);
    const { code: got, details } = await attack.ended;
    assert.equal(got, code, what);
    assert.match(details, words, what);
    assert.equal(attack.received(), "", what);
  }
  const csds = async (proof?: string) => {
    let answer = "";
    const call = connect(proof).call(CSDS, (bytes) => {
      answer += bytes.toString("latin1");
    });
    await call.write(Buffer.alloc(0));
    return { ...(await call.ended), answer };
  };
  assert.deepEqual([(await csds()).code, (await csds(SHOP)).code], [UNAUTHENTICATED, DENIED]);
  assert.match((await csds(READER)).answer, /web-1/);
  for (const [proof, code] of [
    [undefined, UNAUTHENTICATED],
    [EVIL, DENIED],
  ] as const) {
    const call = connect(proof).call(METRICS, () => {});
    await call.write(StreamMetricsMessage.encode({ identifier: { node: shop } }).finish());
    assert.equal((await call.ended).code, code);
  }
  const health = connect().call(HEALTH, () => {});
  await health.write(Buffer.alloc(0));
  assert.equal((await health.ended).code, 0);
  const read = async (path: string, token?: string) =>
    (await fetch(server.url + path, { headers: token === undefined ? {} : { authorization: `Bearer ${token}` } })).status;
  assert.deepEqual(
    [await read("/api/v1/proxies"), await read("/api/v1/proxies", SHOP), await read("/api/v1/proxies", READER)],
    [401, 403, 200],
  );
  const metrics = await server.metrics();
  const counted = metrics.split("\n").filter((line) => /^weir_refused_clients_total.*(unauthenticated|denied)/.test(line));
  t.diagnostic(counted.join("; "));
  assert.deepEqual(counted.toSorted(), [
    'weir_refused_clients_total{reason="denied"} 6',
    'weir_refused_clients_total{reason="unauthenticated"} 5',
  ]);
  assert.match(server.logs(), /a client was refused.*belongs to evil/s);
});

/** Four proxies that report 100 requests a second; those with the module `v3` answer 40% of them with 500. */
function startHonest(t: TestContext, connect: () => TestConnection) {
  const proxies = ["web-1", "web-2", "web-3", "web-4"].map((id) => {
    const connection = connect();
    const { received } = speak(connection, node(id, "shop", { app: "web" }));
    const call = connection.call(METRICS, () => {});
    return { id, received, call, requests: 0, errors: 0, first: true };
  });
  const timer = setInterval(() => {
    for (const proxy of proxies) {
      proxy.requests += 100;
      if (proxy.received().includes("-bad-")) proxy.errors += 40;
      void proxy.call.write(report(proxy.id, proxy.requests, proxy.errors, proxy.first));
      proxy.first = false;
    }
  }, 500);
  t.after(() => clearInterval(timer));
  return proxies;
}

function report(id: string, requests: number, errors: number, first: boolean, listener = "inbound"): Uint8Array {
  const family = (name: string, value: number) => ({ name: `http.${listener}.${name}`, metric: [{ counter: { value } }] });
  return StreamMetricsMessage.encode({
    ...(first ? { identifier: { node: node(id, "shop") } } : {}),
    envoyMetrics: [family("downstream_rq_completed", requests), family("downstream_rq_5xx", errors)],
  }).finish();
}

test("05: statistics that strangers send of a proxy decide nothing: a good revision passes, a bad one is rolled back", async (t) => {
  const { server, push, apply, filter, connect } = await startWorld(t);
  for (const tag of ["v1-fine-", "v2-fine-", "v3-bad-"]) await push(tag, `(module ${BASE} (data (i32.const 0) "${tag}"))`);
  const release = (tag: string) =>
    apply("f", filter("f", { image: `oci-layout:images:${tag}`, rollout: { steps: [{ percent: 50, hold: "5s" }, { percent: 100 }] } }));
  await release("v1-fine-");
  const honest = startHonest(t, () => connect());
  await eventually("the first revision everywhere", async () => honest.every(({ received }) => received().includes("v1-fine-")), 20_000);
  /** Of the proxies that have the revision, from connections of their own: sums in the millions. Gives what ends it. */
  const lie = async (tag: string, kind: "errors" | "hide") => {
    const wave = () => honest.filter(({ received }) => received().includes(tag));
    await eventually("the first wave", async () => wave().length > 0);
    let sum = 1_000_000;
    let first = true;
    const calls = wave().map(({ id }) => ({ id, call: connect().call(METRICS, () => {}) }));
    const timer = setInterval(() => {
      sum += 100_000;
      for (const { id, call } of calls)
        void call.write(report(id, sum, kind === "errors" ? sum : 0, first, kind === "hide" ? "zz" : "inbound"));
      first = false;
    }, 200);
    t.after(() => clearInterval(timer));
    return () => clearInterval(timer);
  };
  const outcome = async (revision: number) => {
    const ended = await server.until(
      `the end of revision ${revision}`,
      "f",
      ({ status }) => {
        const state = status?.rollout?.state ?? "";
        return (
          (status?.history ?? []).some((entry) => entry.revision === revision) &&
          ["Succeeded", "RolledBack"].includes(state) &&
          status?.revision === revision
        );
      },
      30_000,
    );
    return ended.status?.rollout?.state;
  };
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  await release("v2-fine-");
  const stop = await lie("v2-fine-", "errors");
  assert.equal(await outcome(2), "Succeeded");
  stop();
  await release("v3-bad-");
  await lie("v3-bad-", "hide");
  const bad = await outcome(3);
  t.diagnostic(`good revision: Succeeded; bad revision: ${bad}, ${server.logs().match(/ErrorRate[^\n]*|5xx[^\n]*/)?.[0] ?? ""}`);
  assert.equal(bad, "RolledBack");
});
