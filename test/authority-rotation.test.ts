import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { connect } from "node:tls";
import { fileURLToPath } from "node:url";
import { type CertificateFiles, createAuthority, issueCertificate } from "../cluster/index.ts";
import { nodeUri } from "../xds/index.ts";
import { kubectl, startCluster } from "./support/cluster.ts";
import { startEchoApp } from "./support/echo-app.ts";
import { type Envoy, startEnvoy } from "./support/envoy.ts";
import { swapData } from "./support/mounted-folder.ts";
import { eventually } from "./support/process.ts";
import { startRegistry } from "./support/registry.ts";
import { stat } from "./support/scene.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { get, startTraffic } from "./support/traffic.ts";
import { headerFilter } from "./support/wat.ts";
import { startWeir, weir } from "./support/weir.ts";

const CRDS = fileURLToPath(new URL("../crds/", import.meta.url));
const HOUR = 3_600_000;
const PAST = "2026-01-01T00:00:00Z";

/** A cluster, a Weir whose authority is in a Secret, and a filter whose header tells its release. */
async function startWorld(t: TestContext) {
  const { path: folder, remove } = await createTempFolder("rotation");
  t.after(remove);
  const [cluster, registry, app] = await Promise.all([startCluster(), startRegistry(), startEchoApp()]);
  for (const { stop } of [cluster, registry, app]) t.after(stop);
  await kubectl(["apply", "-f", CRDS], cluster);
  for (const name of ["weir-system", "shop"]) await kubectl(["create", "namespace", name], cluster);
  const server = await startWeir({
    source: ["--kubeconfig", cluster.kubeconfig],
    data: join(folder, "data"),
    flags: ["--xds-tls", "auto", "--key-store", "secret", "--own-namespace", "weir-system", "--allow-address", "127.0.0.1"],
  });
  t.after(server.stop);
  const secret = async (): Promise<Record<string, string>> => {
    const { data } = JSON.parse(await kubectl(["get", "secret", "weir-authority", "-n", "weir-system", "-o", "json"], cluster));
    return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(String(value), "base64").toString()]));
  };
  return {
    ...{ folder, cluster, server, app, secret },
    annotate: (text: string) => kubectl(["annotate", "secret", "weir-authority", "-n", "weir-system", "--overwrite", text], cluster),
    async release(value: string) {
      const file = join(folder, `${value}.wasm`);
      await writeFile(file, await headerFilter({ name: "x-weir", value }));
      const image = `${registry.host}/filters/mark:${value}`;
      await weir(["push", file, image]);
      const metadata = { name: "mark", namespace: "shop" };
      const filter = { apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata, spec: { image } };
      await kubectl(["apply", "-f", "-"], { ...cluster, input: JSON.stringify(filter) });
    },
  };
}

type World = Awaited<ReturnType<typeof startWorld>>;

/** Writes a proxy's files, and swaps them in by one link as a kubelet does. */
async function give(folder: string, version: string, { cert, key }: CertificateFiles, ca: string): Promise<void> {
  await mkdir(join(folder, version), { recursive: true });
  for (const [name, text] of Object.entries({ "tls.crt": cert, "tls.key": key, "ca.crt": ca }))
    await writeFile(join(folder, version, name), text);
  await swapData(folder, version);
}

function clientOf(authority: CertificateFiles, node: string, now = Date.now(), validMs = 24 * HOUR): CertificateFiles {
  return issueCertificate(authority, { purpose: "client", name: node, uris: [nodeUri("shop", node) ?? ""], now, validMs });
}

interface Proxy {
  readonly node: string;
  readonly folder: string;
  readonly envoy: Envoy;
  readonly port: number;
}

async function startProxy(t: TestContext, world: World, node: string, certificate: CertificateFiles, ca: string): Promise<Proxy> {
  const folder = join(world.folder, node);
  await give(folder, "first", certificate, ca);
  for (const name of ["ca.crt", "tls.crt", "tls.key"]) await symlink(`..data/${name}`, join(folder, name));
  const words = [
    "--node",
    node,
    "--namespace",
    "shop",
    "--tls-ca",
    "ca.crt",
    "--tls-cert",
    "tls.crt",
    "--tls-key",
    "tls.key",
    "--out",
    ".",
  ];
  const where = ["--xds", `127.0.0.1:${world.server.xdsPort}`, "--listen", "127.0.0.1:0", "--upstream", `127.0.0.1:${world.app.port}`];
  await weir(["bootstrap", ...words, ...where], { cwd: folder });
  const envoy = await startEnvoy({ config: await readFile(join(folder, "envoy.yaml"), "utf8"), log: "warning" });
  t.after(() => envoy.stop());
  return { node, folder, envoy, port: await envoy.port() };
}

/** The authority of the certificate that a new client is shown. */
async function issuerShown(port: number, authorities: Readonly<Record<string, string>>): Promise<string> {
  const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false, ALPNProtocols: ["h2"] });
  const shown = await new Promise<X509Certificate | undefined>((resolve) =>
    socket.once("secureConnect", () => resolve(socket.getPeerX509Certificate())),
  );
  socket.destroy();
  const found = Object.entries(authorities).find(([, cert]) => shown?.verify(new X509Certificate(cert).publicKey));
  return found?.[0] ?? "another";
}

test("server certificate and authority rotate under traffic: no request fails, no stream is dropped, then both sides are on the new one", async (t) => {
  const world = await startWorld(t);
  const { server, secret, annotate } = world;
  await world.release("one");
  const first = await secret();
  const old = { cert: String(first["ca.crt"]), key: String(first["ca.key"]) };
  const proxies = await Promise.all(["web-1", "web-2"].map((node) => startProxy(t, world, node, clientOf(old, node), old.cert)));
  const marks = async () => (await Promise.all(proxies.map(({ port }) => get(port)))).map(({ headers }) => headers["x-weir"]).join();
  await eventually("the first release", async () => (await marks()) === "one,one", 30_000);
  const traffics = proxies.map(({ port }) =>
    startTraffic({ port, clients: 2, pauseMs: 10, filtered: ({ headers }) => headers["x-weir"] !== undefined }),
  );
  const connections = () => Promise.all(proxies.map(({ envoy }) => stat(envoy, "cluster.weir_xds.upstream_cx_total")));
  const before = await connections();

  await annotate("weir.dev/rotate=1");
  const next = await eventually("a next authority", async () => (await secret())["next.crt"]);
  for (const { node, folder } of proxies) await give(folder, "both", clientOf(old, node), `${old.cert}${next}`);
  assert.equal(await issuerShown(server.xdsPort, { old: old.cert, next }), "old");
  await annotate(`weir.dev/next-signs-at=${PAST}`);
  await eventually("the next one to sign", async () => (await issuerShown(server.xdsPort, { old: old.cert, next })) === "next");
  await world.release("two");
  await eventually("the second release", async () => (await marks()) === "two,two", 30_000);
  assert.deepEqual(await connections(), before, "the streams of before are open");

  const signing = await eventually("the next one's key", async () => {
    const { "ca.crt": cert = "", "ca.key": key = "" } = await secret();
    return cert === next ? { cert, key } : undefined;
  });
  for (const { node, folder } of proxies) await give(folder, "new", clientOf(signing, node), next);
  await annotate(`weir.dev/previous-counts-until=${PAST}`);
  await eventually("connections anew", async () => (await connections()).every((count, index) => (count ?? 0) > (before[index] ?? 0)));
  await world.release("three");
  await eventually("the third release", async () => (await marks()) === "three,three", 30_000);
  assert.deepEqual(Object.keys(await secret()).sort(), ["ca.crt", "ca.key"]);

  const totals = await Promise.all(traffics.map((traffic) => traffic.stop()));
  t.diagnostic(totals.map(({ sent, failed, unfiltered }) => `${sent} requests, ${failed} failed, ${unfiltered} unfiltered`).join("; "));
  for (const { failed, unfiltered, samples } of totals) assert.deepEqual([failed, unfiltered], [0, 0], samples.join("\n"));

  // Who comes with the old one, with one that has ended, or with a stranger's is refused with words.
  const strangers = { ...clientOf(createAuthority("stranger", Date.now(), HOUR), "web-1") };
  const ended = clientOf(signing, "web-1", Date.now() - 2 * HOUR, HOUR);
  for (const [version, certificate, words] of [
    ["old", clientOf(old, "web-1"), /the client certificate does not lead to an authority that this server trusts/],
    ["strange", strangers, /the client certificate does not lead to an authority that this server trusts/],
    ["early", clientOf(signing, "web-1", Date.now() + 2 * HOUR), /the client certificate is not valid yet by this server's clock/],
    ["ended", ended, /the client certificate ended at 20/],
  ] as const) {
    const from = server.logs().length;
    const proxy = await startProxy(t, world, `web-${version}`, certificate, next);
    await eventually("words", async () => words.test(server.logs().slice(from)), 30_000);
    await proxy.envoy.stop();
  }
  assert.equal(await marks(), "three,three");
  const key = Buffer.from(signing.key.replaceAll(/-----[^-]+-----|\s/g, ""), "base64")
    .toString("base64")
    .slice(0, 40);
  assert.ok(!server.logs().includes(key) && !server.logs().includes("PRIVATE KEY"), "no key in the log");
});
