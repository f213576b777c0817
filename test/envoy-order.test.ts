import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { parse, parseAllDocuments, stringify } from "yaml";
import type { WasmFilter } from "../model/gen/wasmfilter.ts";
import { pushModule } from "../oci/index.ts";
import { type Envoy, startEnvoy } from "./support/envoy.ts";
import { buildDescriptors, type GrpcService, startGrpcService } from "./support/grpc-service.ts";
import { createSnippets } from "./support/snippets.ts";
import { soon } from "./support/soon.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { assemble } from "./support/wat.ts";
import { startWeir, type Weir, weir } from "./support/weir.ts";

// The configuration of docs/proxies.md with two slots around ext_authz, a rate limit and a transcoder, as it stands there but for ports, paths and longer timeouts: a real
// Envoy, a real Weir, and real gRPC services that write down what reaches them.

const page = await createSnippets("proxies");
const open: (() => unknown)[] = [];
let folder: string;
let server: Weir;
let envoy: Envoy;
let port: number;
let authz: GrpcService;
let ratelimit: GrpcService;
let orders: GrpcService;

/** Puts on a request the header `name` with the path that it sees, and on a response with the type that it sees. */
function sees(name: string): Promise<Uint8Array> {
  const copy = (map: number, from: number, length: number) => `
    (if (i32.eqz (call $get (i32.const ${map}) (i32.const ${from}) (i32.const ${length}) (i32.const 200) (i32.const 204)))
      (then (drop (call $add (i32.const ${map}) (i32.const 0) (i32.const ${name.length}) (i32.load (i32.const 200)) (i32.load (i32.const 204))))))
    (i32.const 0)`;
  return assemble(`(module
    (import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "${name}") (data (i32.const 64) ":path") (data (i32.const 96) "content-type")
    (func (export "malloc") (param i32) (result i32) (i32.const 4096))
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) ${copy(0, 64, 5)})
    (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) ${copy(2, 96, 12)}))`);
}

before(async () => {
  const temp = await createTempFolder("order");
  open.push(temp.remove);
  folder = temp.path;
  await mkdir(join(folder, "filters"));
  const descriptors = await buildDescriptors(join(folder, "descriptors"), { "orders.proto": page.text("orders") }, [
    "google/api/annotations.proto",
    "envoy/service/auth/v3/external_auth.proto",
    "envoy/service/ratelimit/v3/rls.proto",
  ]);
  const service = async (method: string, answer: (request: JsonObject) => JsonObject) => {
    const started = await startGrpcService(descriptors, method, answer);
    open.push(started.stop);
    return started;
  };
  authz = await service("envoy.service.auth.v3.Authorization/Check", authorize);
  ratelimit = await service("envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit", (request) => ({
    overallCode: tenantIn(request) === "busy" ? "OVER_LIMIT" : "OK",
  }));
  orders = await service("shop.Orders/Get", ({ id }) => ({ id: id ?? "" }));
  server = await startWeir({ source: ["--filters", "filters"], data: "data", cwd: folder });
  open.push(server.stop);
  await startProxy(descriptors);
});

after(async () => {
  for (const close of open.reverse()) await close();
});

/** Knows who comes by the header `authorization`, and tells the tenant. */
function authorize(request: JsonObject): JsonObject {
  const token = headersOf(request).authorization ?? "";
  if (token === "") return { status: { code: 7 }, deniedResponse: { status: { code: "Forbidden" }, body: "who are you" } };
  const header = { header: { key: "x-tenant", value: token }, appendAction: "OVERWRITE_IF_EXISTS_OR_ADD" };
  return { status: { code: 0 }, okResponse: { headers: [header] } };
}

function headersOf(request: JsonObject): Readonly<Record<string, string>> {
  return (
    (request as { attributes?: { request?: { http?: { headers?: Record<string, string> } } } }).attributes?.request?.http?.headers ?? {}
  );
}

function tenantIn(request: JsonObject): string | undefined {
  return (request as { descriptors?: { entries?: { key: string; value: string }[] }[] }).descriptors?.[0]?.entries?.[0]?.value;
}

async function startProxy(descriptors: string): Promise<void> {
  const where = ["--xds", `127.0.0.1:${server.xdsPort}`, "--listen", "127.0.0.1:0", "--upstream", "127.0.0.1:9000"];
  const bootstrap = parse(await weir(["bootstrap", "--node", "gateway-1", "-n", "shop", "--label", "app=gateway", ...where]));
  const here = page
    .text("order")
    .replace("0.0.0.0, port_value: 10000", "127.0.0.1, port_value: 0")
    .replace("/etc/envoy/orders.binpb", descriptors)
    .replace("port_value: 9000", `port_value: ${orders.port}`)
    .replace("port_value: 9001", `port_value: ${authz.port}`)
    .replaceAll(/timeout: 1s\b/g, "timeout: 10s")
    .replace("port_value: 9002", `port_value: ${ratelimit.port}`);
  const { listeners, clusters } = parse(here, { merge: true });
  const [weirXds] = bootstrap.static_resources.clusters;
  bootstrap.static_resources = { listeners, clusters: [weirXds, ...clusters] };
  envoy = await startEnvoy({ config: stringify(bootstrap, { aliasDuplicateObjects: false }), log: "warning", concurrency: 1 });
  open.push(envoy.stop);
  await envoy.ready();
  port = await envoy.port();
}

/** The filters of the documentation, with modules that show what they see. */
async function applyFilters(): Promise<void> {
  for (const document of parseAllDocuments(page.text("order-filters"))) {
    const filter = document.toJS() as WasmFilter;
    const { name } = filter.metadata;
    const image = `oci-layout:images:${name}`;
    const pushed = await pushModule(image, await sees(`x-${filter.spec.slot}`), { keychain: new Map(), layoutBase: folder });
    assert.ok(pushed.ok);
    await writeFile(join(folder, "filters", `${name}.json`), JSON.stringify({ ...filter, spec: { ...filter.spec, image } }));
  }
  for (const name of ["identify", "enrich"])
    await server.until(`${name} on the proxy`, name, ({ status }) => status?.proxies?.updated === 1);
}

interface Seen {
  readonly status: number;
  readonly body: string;
  readonly headers: Headers;
}

async function get(headers: Record<string, string> = {}): Promise<Seen> {
  const response = await fetch(`http://127.0.0.1:${port}/orders/7`, { headers, signal: AbortSignal.timeout(30_000) });
  return { status: response.status, body: await response.text(), headers: response.headers };
}

/** How often each was asked since the last time. */
function counter() {
  const of = () => [authz, ratelimit, orders].map(({ calls }) => calls.length);
  let before = of();
  return () => {
    const now = of();
    const grown = now.map((count, index) => count - (before[index] ?? 0));
    before = now;
    return grown;
  };
}

describe("two slots around ext_authz, a rate limit and a transcoder", () => {
  test("while the slots are empty, requests pass Envoy's own filters as if they were not there", async () => {
    // Envoy gives its first call to a service 200 ms, and connects in them.
    await soon(async () => (await get({ authorization: "acme" })).status, 200);
    const { status, body } = await get({ authorization: "acme" });
    assert.deepEqual([status, body], [200, JSON.stringify({ id: "7" })]);
    const metadata = orders.calls.at(-1)?.metadata.getMap();
    assert.deepEqual([metadata?.["x-tenant"], metadata?.["x-edge"], metadata?.["x-default"]], ["acme", undefined, undefined]);
  });

  test("each sees what those before it made of a request", async () => {
    await applyFilters();
    await soon(async () => (await get({ authorization: "acme" })).headers.get("x-default"), "application/grpc+proto");
    const asked = counter();
    const { status, headers } = await get({ authorization: "acme", "x-tenant": "forged" });
    assert.equal(status, 200);
    assert.deepEqual(asked(), [1, 1, 1]);
    const checked = headersOf(authz.calls.at(-1)?.request ?? {});
    assert.deepEqual([checked["x-edge"], checked["x-default"], checked["x-tenant"]], ["/orders/7", undefined, "forged"], "ext_authz");
    assert.equal(tenantIn(ratelimit.calls.at(-1)?.request ?? {}), "acme", "the rate limit counts by what ext_authz found");
    const got = orders.calls.at(-1)?.metadata.getMap();
    assert.deepEqual([got?.["x-edge"], got?.["x-default"], got?.["x-tenant"]], ["/orders/7", "/shop.Orders/Get", "acme"], "the service");
    assert.deepEqual([headers.get("x-default"), headers.get("x-edge")], ["application/grpc+proto", "application/json"], "the response");
  });

  test("what is denied or limited reaches nobody after it, slot default included; slot edge sees the answer", async () => {
    const asked = counter();
    const denied = await get();
    assert.deepEqual([denied.status, denied.body, asked()], [403, "who are you", [1, 0, 0]]);
    const limited = await get({ authorization: "busy" });
    assert.deepEqual([limited.status, asked()], [429, [1, 1, 0]]);
    for (const { headers } of [denied, limited]) assert.equal(headers.get("x-default"), null);
    assert.equal(denied.headers.get("x-edge"), "text/plain");
  });
});
