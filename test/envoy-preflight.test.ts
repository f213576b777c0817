import assert from "node:assert/strict";
import { chmod, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { WasmFilter, WasmFilterSpec } from "../model/gen/wasmfilter.ts";
import { pushModule } from "../oci/index.ts";
import { holding } from "../preflight/testing/holding.ts";
import { wasm } from "../preflight/testing/wat.ts";
import { installEnvoyVersion } from "../scripts/tools/envoy.ts";
import { type EchoApp, startEchoApp } from "./support/echo-app.ts";
import { type Envoy, startEnvoy } from "./support/envoy.ts";
import { reservePort } from "./support/ports.ts";
import { createSnippets } from "./support/snippets.ts";
import { soon } from "./support/soon.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { headerFilter } from "./support/wat.ts";
import { condition, startWeir, type Weir, weir } from "./support/weir.ts";

// What a spec may say of how its module is proved, and of what it needs of its proxies, on three real Envoys: the newest, the oldest that can be had, and one
// that says it is older than that. Nobody builds Envoy 1.34 any more where a test could get it, so its name is written into the binary of 1.36.

/** Traps on a request without `x-tenant`. */
const PICKY = `(module
  (import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1) (data (i32.const 0) "x-tenant")
  (func (export "malloc") (param i32) (result i32) (i32.const 4096))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (if (call $get (i32.const 0) (i32.const 0) (i32.const 8) (i32.const 32) (i32.const 36)) (then unreachable))
    (i32.const 0)))`;

const OLD = "1.34.4";
const OLDEST = "1.36.4";
const open: (() => Promise<unknown>)[] = [];
let folder: string;
let app: EchoApp;
let server: Weir;
const ports = new Map<string, number>();

before(async () => {
  const temp = await createTempFolder("hold");
  open.push(temp.remove);
  folder = temp.path;
  await mkdir(join(folder, "filters"));
  app = await startEchoApp();
  open.push(app.stop);
  const images = {
    plain: await headerFilter({ name: "x-plain", value: "1", on: "request" }),
    picky: await wasm(PICKY),
    reader: await wasm(
      holding("request", {
        body: "(drop (call $set (i32.const 0) (i32.const 0) (i32.const 6) (i32.const 6) (i32.const 1))) (i32.eqz (local.get 2))",
      }),
    ),
  };
  for (const [name, code] of Object.entries(images)) {
    const pushed = await pushModule(`oci-layout:images:${name}`, code, { keychain: new Map(), layoutBase: folder });
    assert.ok(pushed.ok);
  }
  server = await startWeir({ source: ["--filters", "filters"], data: "data", cwd: folder });
  open.push(server.stop);
  await apply("new", "plain");
  await apply("old", "plain");
  await startProxy("newest", "new", {});
  await startProxy("oldest", "new", { version: OLDEST });
  await startProxy("too-old", "old", { binary: await renamedEnvoy() });
  for (const [name, count] of [
    ["new", 2],
    ["old", 1],
  ] as const)
    await server.until(`${name} on its proxies`, name, ({ status }) => status?.proxies?.updated === count && status.stableRevision === 1);
});

after(async () => {
  for (const close of open.reverse()) await close();
});

async function renamedEnvoy(): Promise<string> {
  const binary = await readFile(await installEnvoyVersion(OLDEST));
  const [name, other] = [Buffer.from(`\0${OLDEST}\0`), Buffer.from(`\0${OLD}\0`)];
  const at = binary.indexOf(name);
  assert.ok(at > 0 && binary.indexOf(name, at + 1) < 0, "the version stands in the binary once");
  other.copy(binary, at);
  const path = join(folder, "envoy");
  await writeFile(path, binary);
  await chmod(path, 0o755);
  return path;
}

async function startProxy(id: string, label: string, how: Partial<Parameters<typeof startEnvoy>[0]>): Promise<Envoy> {
  const port = await reservePort();
  const where = ["--xds", `127.0.0.1:${server.xdsPort}`, "--listen", `127.0.0.1:${port}`, "--upstream", `127.0.0.1:${app.port}`];
  const config = await weir(["bootstrap", "--node", id, "-n", "default", "--label", `app=${label}`, ...where, "--managed"]);
  const envoy = await startEnvoy({ config, log: "warning", concurrency: 1, ...how });
  open.push(envoy.stop);
  await envoy.ready();
  ports.set(id, port);
  return envoy;
}

async function apply(name: string, tag: string, more: Partial<WasmFilterSpec> = {}): Promise<void> {
  const spec = { image: `oci-layout:images:${tag}`, selector: { matchLabels: { app: name } }, ...more };
  const manifest = { apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: { name }, spec };
  await writeFile(join(folder, "next"), JSON.stringify(manifest));
  await rename(join(folder, "next"), join(folder, "filters", `${name}.json`));
}

/** Which of the filters' headers the app got with a POST. */
async function post(id: string): Promise<string> {
  const url = `http://127.0.0.1:${ports.get(id)}/upload`;
  const response = await fetch(url, { method: "POST", body: "x".repeat(50_000), signal: AbortSignal.timeout(30_000) });
  const headers = (await response.json()) as string[];
  return `${response.status} ${headers.filter((name) => name === "x-plain" || name === "x-body").join(" ")}`;
}

describe("a filter that holds headers while it reads the body", () => {
  test("without the setting it is refused, and the verdict names what it needs", async () => {
    await apply("new", "reader");
    const { status } = await server.until("the refusal", "new", (filter) => condition(filter, "Validated") === "False HeadersHeld");
    const message = status?.conditions?.find(({ type }) => type === "Validated")?.message ?? "";
    assert.match(message, /POST .*holds the request's headers until it has read the body.*set spec\.allowOnHeadersStopIteration to true/);
    assert.equal(await post("newest"), "200 x-plain");
    assert.equal(await post("oldest"), "200 x-plain");
  });

  test("with it, a POST with a body passes on the newest and on the oldest Envoy, and the app gets what the filter made of the body", async () => {
    await apply("new", "reader", { allowOnHeadersStopIteration: true });
    await server.until("the revision everywhere", "new", ({ status }) => status?.stableRevision === 2 && status.proxies?.updated === 2);
    for (const id of ["newest", "oldest"]) await soon(() => post(id), "200 x-body", id);
  });

  test("taking the setting away is refused again, and what serves stays", async () => {
    await apply("new", "reader", { allowOnHeadersStopIteration: false });
    await server.until("the refusal", "new", (filter) => condition(filter, "Validated") === "False HeadersHeld");
    assert.match(await post("newest"), /^200 x-body/);
  });

  test("an Envoy that lacks the setting is not sent it: the status says which version it needs, and its chain stays", async () => {
    await apply("old", "reader", { allowOnHeadersStopIteration: true });
    const { status } = await server.until("the rollback", "old", ({ status }) => status?.rollout?.state === "RolledBack");
    assert.deepEqual(status?.rejections, [
      {
        proxy: "too-old",
        namespace: "default",
        message: `the proxy is Envoy ${OLD}; spec.allowOnHeadersStopIteration of default/old needs 1.35 or newer`,
      },
    ]);
    assert.equal(status?.stableRevision, 1);
    assert.equal(await post("too-old"), "200 x-plain");
  });
});

describe("a filter that needs its users' headers", () => {
  const statusOf = async (headers: Record<string, string>) => (await fetch(`http://127.0.0.1:${ports.get("newest")}/`, { headers })).status;
  const picky = (more: Partial<WasmFilterSpec>) => apply("picky", "picky", { selector: { matchLabels: { app: "new" } }, ...more });
  let requests: NonNullable<NonNullable<WasmFilterSpec["preflight"]>["requests"]>;
  before(async () => {
    requests = (await createSnippets("preflight")).yaml("preflight").spec.preflight.requests;
    assert.equal(requests.length, 2);
  });
  const told = /^GET \/: proxy_on_request_headers trapped: unreachable.*; let through, as spec\.preflight\.traffic is Report/;
  const validated = (filter: WasmFilter) => filter.status?.conditions?.find(({ type }) => type === "Validated");

  test("is refused on the synthetic requests, and goes out once its author says what a real one looks like", async () => {
    await picky({});
    await server.until("the refusal", "picky", (filter) => condition(filter, "Validated") === "False TrafficFailed");
    await picky({ preflight: { requests } });
    await server.until("the revision everywhere", "picky", ({ status }) => status?.stableRevision === 1 && status.proxies?.updated === 2);
    await soon(() => statusOf({}), 503);
    await soon(() => statusOf({ "x-tenant": "a" }), 200);
  });

  test("a change of preflight alone proves again, tells what it finds, and reaches no proxy", async () => {
    const acknowledged = async () => (await server.proxies()).map(({ id, slots }) => [id, slots]);
    const before = await acknowledged();
    await picky({ preflight: { traffic: "Report" } });
    const filter = await server.until("what is told", "picky", (filter) => condition(filter, "Validated") === "True TrafficFailed");
    assert.match(validated(filter)?.message ?? "", told);
    assert.equal(condition(filter, "Ready"), "True Ready");
    const metrics = await server.metrics();
    assert.match(metrics, /weir_preflight_let_through_total\{reason="TrafficFailed"\} 1/);
    await picky({});
    const refused = await server.until("the refusal", "picky", (filter) => condition(filter, "Validated") === "False TrafficFailed");
    assert.deepEqual([refused.status?.revision, refused.status?.stableRevision, refused.status?.history?.length], [1, 1, 1]);
    assert.deepEqual(await acknowledged(), before);
    await soon(() => statusOf({ "x-tenant": "a" }), 200);
  });

  test("weir verify proves it as its manifest asks for", async () => {
    const module = ["verify", "oci-layout:images:picky"];
    await assert.rejects(weir(module, { cwd: folder }), /would be refused \(TrafficFailed\): GET \/: proxy_on_request_headers trapped/);
    assert.match(await weir([...module, "--traffic", "Report"], { cwd: folder }), /fails requests \(TrafficFailed\)/);
    await picky({ preflight: { requests } });
    const verdict = await weir([...module, "-f", join("filters", "picky.json"), "-o", "json"], { cwd: folder });
    assert.equal(JSON.parse(verdict).told, undefined);
  });
});
