import assert from "node:assert/strict";
import { mkdir, rename, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { connect } from "node:tls";
import { parse, stringify } from "yaml";
import { type Authority, createAuthority } from "../base/testing/certificates.ts";
import { pushModule } from "../oci/index.ts";
import { startEchoApp } from "./support/echo-app.ts";
import { eventually } from "./support/process.ts";
import { startProxy, stat } from "./support/scene.ts";
import { createSnippets } from "./support/snippets.ts";
import { soon } from "./support/soon.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { get } from "./support/traffic.ts";
import { headerFilter } from "./support/wat.ts";
import { startWeir } from "./support/weir.ts";

const NAME = "weir.example";
const servers = createAuthority("servers");
const clients = createAuthority("clients");

/** The transport socket that the documentation shows, with files of this folder. */
async function documentedSocket(folder: string): Promise<object> {
  const yaml = (await createSnippets("proxies")).text("transport_socket");
  return parse(yaml.replaceAll("/etc/weir/", `${folder}/client/`)).transport_socket;
}

/** Writes a server's files below a folder of their own, and points `server` at it in one step, as a mounted Secret is changed. */
async function swapServerFiles(folder: string, name: string, authority: Authority): Promise<void> {
  const { cert, key } = authority.issue(NAME);
  await mkdir(join(folder, name));
  await writeFile(join(folder, name, "tls.crt"), cert);
  await writeFile(join(folder, name, "tls.key"), key);
  await writeFile(join(folder, name, "ca.crt"), clients.cert);
  await symlink(name, join(folder, "next"));
  await rename(join(folder, "next"), join(folder, "server"));
}

async function startWorld(t: TestContext, flags: readonly string[]) {
  const { path: folder, remove } = await createTempFolder("tls");
  t.after(remove);
  await mkdir(join(folder, "filters"));
  await mkdir(join(folder, "client"));
  await swapServerFiles(folder, "first", servers);
  const own = clients.issue("web-1", { uri: "spiffe://example.org/ns/shop/sa/web" });
  await writeFile(join(folder, "client", "tls.crt"), own.cert);
  await writeFile(join(folder, "client", "tls.key"), own.key);
  await writeFile(join(folder, "client", "ca.crt"), servers.cert);
  const release = async (value: string) => {
    const image = `oci-layout:images:${value}`;
    const pushed = await pushModule(image, await headerFilter({ name: "x-weir", value }), { keychain: new Map(), layoutBase: folder });
    assert.ok(pushed.ok);
    const metadata = { name: "mark", namespace: "shop" };
    await writeFile(
      join(folder, "filters", "mark.json"),
      JSON.stringify({ apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata, spec: { image } }),
    );
  };
  const tls = ["--xds-tls-cert", "server/tls.crt", "--xds-tls-key", "server/tls.key", "--xds-client-ca", "server/ca.crt"];
  const server = await startWeir({ source: ["--filters", "filters"], data: "data", cwd: folder, flags: [...tls, ...flags] });
  t.after(server.stop);
  const app = await startEchoApp();
  t.after(app.stop);
  const transportSocket = await documentedSocket(folder);
  const edit = (text: string) => {
    const bootstrap = parse(text);
    for (const cluster of bootstrap.static_resources.clusters) if (cluster.name === "weir_xds") cluster.transport_socket = transportSocket;
    return stringify(bootstrap);
  };
  await release("one");
  const { envoy, port } = await startProxy(t, { bootstrap: { xds: { host: "127.0.0.1", port: server.xdsPort } }, edit, app });
  const mark = async () => (await get(port)).headers["x-weir"];
  await soon(mark, "one");
  return { folder, server, envoy, release, mark };
}

/** The certificate that a new client is shown. */
async function shown(port: number): Promise<string | undefined> {
  const socket = connect({ host: "127.0.0.1", port, servername: NAME, rejectUnauthorized: false, ALPNProtocols: ["h2"] });
  socket.on("error", () => {});
  await new Promise<void>((done) => socket.once("secureConnect", done));
  const { issuer } = socket.getPeerX509Certificate() ?? {};
  socket.destroy();
  return issuer;
}

test("an Envoy takes its filters over TLS with certificates on both sides; a renewed certificate is served and its stream stays", async (t) => {
  const { folder, server, envoy, release, mark } = await startWorld(t, []);
  assert.equal(await shown(server.xdsPort), "CN=servers");
  await swapServerFiles(folder, "second", createAuthority("renewed"));
  await eventually("the new certificate", async () => (await shown(server.xdsPort)) === "CN=renewed", 15_000);
  await release("two");
  await soon(mark, "two");
  assert.equal(await stat(envoy, "cluster.weir_xds.upstream_cx_total"), 1);
  await writeFile(join(folder, "server", "tls.key"), "no key");
  await eventually("the bad files in the log", async () => server.logs().includes("the new TLS files cannot be used"), 15_000);
  assert.equal(await shown(server.xdsPort), "CN=renewed");
});

test("an Envoy whose connection is old comes back, keeps its filters and is sent nothing twice", async (t) => {
  const { envoy, release, mark } = await startWorld(t, ["--max-connection-age", "1s"]);
  const reloads = async () => (await envoy.get("/stats?filter=extension_config_discovery.*config_reload")).trim();
  const before = await reloads();
  t.diagnostic(before);
  assert.match(before, /config_reload: [1-9]/);
  await eventually(
    "three connections",
    async () => {
      assert.equal(await mark(), "one");
      return ((await stat(envoy, "cluster.weir_xds.upstream_cx_total")) ?? 0) >= 3;
    },
    30_000,
  );
  assert.equal(await reloads(), before);
  await release("two");
  await soon(mark, "two");
});
