import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type Cluster, installCrds, kubectl, startCluster } from "./support/cluster.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { condition, startWeir, type Weir } from "./support/weir.ts";

const NO_DIGEST = "0".repeat(64);

async function listen(t: TestContext, host: string, answer: RequestListener) {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    answer(request, response);
  });
  let connections = 0;
  server.on("connection", () => void connections++);
  server.listen(0, host);
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return { port: typeof address === "object" && address !== null ? address.port : 0, seen, connections: () => connections };
}

/** A service that is nobody's business: a PIN, a page for administrators, and whatever else is asked for. */
const internal: RequestListener = (request, response) => {
  response.statusCode = request.url === "/admin" ? 403 : 200;
  response.end(request.url === "/pin" ? "pin=4931" : "secret-of-the-inside");
};

/** A registry of the attacker's, and a web server: it sends whoever comes to `target`, as a realm or as a redirect. */
const hostile =
  (target: () => string): RequestListener =>
  (request, response) => {
    const url = request.url ?? "";
    if (url.startsWith("/v2/realm/"))
      return void response
        .writeHead(401, { "www-authenticate": `Bearer realm="${target()}/delete-everything?really=yes",service="x"` })
        .end();
    if (url.startsWith("/v2/own/")) {
      const own = `http://${request.headers.host}/token`;
      return void response.writeHead(401, { "www-authenticate": `Bearer realm="${own}",service="x"` }).end();
    }
    if (url.startsWith("/token")) return void response.writeHead(404).end("the-token-service-says-no");
    response.writeHead(307, { location: `${target()}/admin` }).end();
  };

const manifest = (name: string, spec: object) => ({
  apiVersion: "weir.dev/v1alpha1",
  kind: "WasmFilter",
  metadata: { name, namespace: "tenant-b" },
  spec,
});

/** Applies the specs and gives, by name, the reason and the message of `Resolved`. */
async function outcomes(server: Weir, specs: Readonly<Record<string, object>>): Promise<Map<string, { reason: string; message: string }>> {
  const found = new Map<string, { reason: string; message: string }>();
  for (const name of Object.keys(specs)) {
    const filter = await server.until(
      "an answer",
      name,
      (seen) => /^(False|Unknown) [A-Z]/.test(condition(seen, "Resolved")) && !condition(seen, "Resolved").endsWith("Pending"),
    );
    const resolved = filter.status?.conditions?.find(({ type }) => type === "Resolved");
    found.set(name, { reason: resolved?.reason ?? "", message: resolved?.message ?? "" });
  }
  return found;
}

async function clusterWithCrds(t: TestContext): Promise<Cluster> {
  const cluster = await startCluster();
  t.after(() => cluster.stop());
  await installCrds(cluster);
  await kubectl(["create", "namespace", "tenant-b"], cluster);
  return cluster;
}

test("in a cluster no filter's URL, image, token realm or redirect leads to loopback, link-local, private or metadata addresses", async (t) => {
  const folder = await createTempFolder("attack-ssrf");
  t.after(() => folder.remove());
  const cluster = await clusterWithCrds(t);
  const inside = await listen(t, "127.0.0.1", internal);
  // The attacker's own server has to be somewhere: on another loopback address, the only one that is allowed.
  const outside = await listen(
    t,
    "127.0.0.2",
    hostile(() => `http://127.0.0.1:${inside.port}`),
  );
  const source = ["--kubeconfig", cluster.kubeconfig];
  const server = await startWeir({ source, data: join(folder.path, "data"), flags: ["--allow-address", "127.0.0.2/32"] });
  t.after(() => server.stop());
  const url = (text: string) => ({ url: text, sha256: NO_DIGEST });
  const { port } = inside;
  const refused = {
    pin: url(`http://127.0.0.1:${port}/pin`),
    status: url(`http://localhost:${port}/admin`),
    closed: url("http://127.0.0.1:9/"),
    decimal: url(`http://2130706433:${port}/pin`),
    hex: url(`http://0x7f.1:${port}/pin`),
    mapped: url(`http://[::ffff:127.0.0.1]:${port}/pin`),
    zero: url(`http://0.0.0.0:${port}/pin`),
    "own-api": url(`${server.url}/readyz`),
    metadata: url("http://169.254.169.254/latest/meta-data/"),
    nat64: url("http://[64:ff9b::a9fe:a9fe]/latest/meta-data/"),
    "private-four": url("http://10.255.255.1/"),
    "private-six": url("http://[fd00::2]/"),
    "api-server": url(`${cluster.server}/version`),
    "image-here": { image: `127.0.0.1:${port}/a/b:1` },
    "image-localhost": { image: `localhost:${port}/a/b:1` },
    "image-metadata": { image: "169.254.169.254/a/b:1" },
    realm: { image: `127.0.0.2:${outside.port}/realm/b:1` },
    redirect: { image: `127.0.0.2:${outside.port}/a/b:1` },
    "url-redirect": url(`http://127.0.0.2:${outside.port}/module.wasm`),
  };
  const other = { "own-realm": { image: `127.0.0.2:${outside.port}/own/b:1` }, layout: { image: "oci-layout:/etc:1" } };
  const specs = { ...refused, ...other };
  const started = Date.now();
  const items = Object.entries(specs).map(([name, spec]) => manifest(name, spec));
  await kubectl(["apply", "-f", "-"], { ...cluster, input: JSON.stringify({ apiVersion: "v1", kind: "List", items }) });
  const found = await outcomes(server, specs);
  for (const name of Object.keys(refused)) {
    const { reason, message } = found.get(name) ?? {};
    assert.equal(reason, "AddressRefused", `${name}: ${message}`);
    assert.match(message ?? "", /--allow-address/);
    assert.match(message ?? "", /(loopback|private|unspecified) address|address of a metadata service/);
  }
  const bare = (name: string) => found.get(name)?.message.replace(/127\.0\.0\.1:\d+/g, "");
  assert.equal(bare("pin"), bare("closed"), "an open port and a closed one look the same");
  assert.equal(found.get("own-realm")?.reason, "AccessDenied");
  assert.equal(found.get("layout")?.reason, "InvalidReference");
  const told = [...found.values()].map(({ message }) => message).join("\n");
  assert.doesNotMatch(`${told}\n${server.logs()}`, /4931|secret-of-the-inside|the-token-service-says-no|really=yes/);
  assert.deepEqual(inside.seen, []);
  assert.equal(inside.connections(), 0);
  assert.ok(
    outside.seen.some((seen) => seen.startsWith("GET /token?")),
    "the registry's own realm is asked",
  );
  t.diagnostic(
    `${Object.keys(refused).length} ways in, 0 connections inside, ${Date.now() - started} ms; ${outside.seen.length} requests to the attacker`,
  );
});

test("without a cluster loopback is open, and private and metadata addresses are not", async (t) => {
  const folder = await createTempFolder("attack-ssrf-folder");
  t.after(() => folder.remove());
  const inside = await listen(t, "127.0.0.1", internal);
  const specs = {
    here: { url: `http://127.0.0.1:${inside.port}/pin`, sha256: NO_DIGEST },
    private: { url: "http://10.255.255.1/", sha256: NO_DIGEST },
    metadata: { url: "http://169.254.169.254/", sha256: NO_DIGEST },
    forbidden: { url: `http://127.0.0.1:${inside.port}/admin`, sha256: NO_DIGEST },
  };
  await mkdir(join(folder.path, "filters"));
  for (const [name, spec] of Object.entries(specs))
    await writeFile(join(folder.path, "filters", `${name}.json`), JSON.stringify(manifest(name, spec)));
  const server = await startWeir({ source: ["--filters", join(folder.path, "filters")], data: join(folder.path, "data") });
  t.after(() => server.stop());
  const found = await outcomes(server, specs);
  const reasons = Object.fromEntries([...found].map(([name, { reason }]) => [name, reason]));
  assert.deepEqual(reasons, { here: "DigestMismatch", private: "AddressRefused", metadata: "AddressRefused", forbidden: "AccessDenied" });
  assert.doesNotMatch([...found.values()].map(({ message }) => message).join("\n"), /4931|sha256:(?!0{64})[0-9a-f]{64}/);
});
