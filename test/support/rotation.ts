import { X509Certificate } from "node:crypto";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { connect } from "node:tls";
import { type CertificateFiles, issueCertificate } from "../../cluster/index.ts";
import { nodeUri } from "../../xds/index.ts";
import { installCrds, kubectl, startCluster } from "./cluster.ts";
import { startEchoApp } from "./echo-app.ts";
import { type Envoy, startEnvoy } from "./envoy.ts";
import { swapData } from "./mounted-folder.ts";
import { reservePort } from "./ports.ts";
import { startRegistry } from "./registry.ts";
import { createTempFolder } from "./temp-folder.ts";
import { headerFilter } from "./wat.ts";
import { startWeir, type Weir, weir } from "./weir.ts";

export const HOUR = 3_600_000;

/** A cluster, a Weir of so many replicas whose authority is in a Secret, and a filter whose header tells its release. */
export async function startRotationWorld(t: TestContext, replicas = 1) {
  const { path: folder, remove } = await createTempFolder("rotation");
  t.after(remove);
  const [cluster, registry, app] = await Promise.all([startCluster(), startRegistry(), startEchoApp()]);
  for (const { stop } of [cluster, registry, app]) t.after(stop);
  await installCrds(cluster);
  for (const name of ["weir-system", "shop"]) await kubectl(["create", "namespace", name], cluster);
  const flags = ["--xds-tls", "auto", "--key-store", "secret", "--own-namespace", "weir-system", "--allow-address", "127.0.0.1"];
  const ports: number[] = [];
  for (let index = 0; index < replicas; index++) ports.push(await reservePort());
  const peers = ["--lease", "weir", ...ports.flatMap((port) => ["--peer", `127.0.0.1:${port}`])];
  const servers: Weir[] = [];
  for (const [index, port] of ports.entries()) {
    const own = replicas === 1 ? [] : [...peers, "--peer-address", `127.0.0.1:${port}`];
    const source = ["--kubeconfig", cluster.kubeconfig];
    servers.push(await startWeir({ source, data: join(folder, `data-${index}`), flags: [...flags, ...own] }));
    t.after(() => servers[index]?.stop());
  }
  const [server] = servers;
  if (server === undefined) throw new Error("there is no server");
  const secret = async (): Promise<Record<string, string>> => {
    const { data } = JSON.parse(await kubectl(["get", "secret", "weir-authority", "-n", "weir-system", "-o", "json"], cluster));
    return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(String(value), "base64").toString()]));
  };
  return {
    ...{ folder, cluster, server, servers, app, secret },
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

export type RotationWorld = Awaited<ReturnType<typeof startRotationWorld>>;

/** Writes a proxy's files, and swaps them in by one link as a kubelet does. */
export async function give(folder: string, version: string, { cert, key }: CertificateFiles, ca: string): Promise<void> {
  await mkdir(join(folder, version), { recursive: true });
  for (const [name, text] of Object.entries({ "tls.crt": cert, "tls.key": key, "ca.crt": ca }))
    await writeFile(join(folder, version, name), text);
  await swapData(folder, version);
}

export function clientOf(authority: CertificateFiles, node: string, now = Date.now(), validMs = 24 * HOUR): CertificateFiles {
  return issueCertificate(authority, { purpose: "client", name: node, uris: [nodeUri("shop", node) ?? ""], now, validMs });
}

export interface RotationProxy {
  readonly node: string;
  readonly folder: string;
  readonly envoy: Envoy;
  readonly port: number;
}

export async function startRotationProxy(
  t: TestContext,
  world: RotationWorld,
  node: string,
  certificate: CertificateFiles,
  ca: string,
  { xdsPort }: Pick<Weir, "xdsPort"> = world.server,
): Promise<RotationProxy> {
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
  const where = ["--xds", `127.0.0.1:${xdsPort}`, "--listen", "127.0.0.1:0", "--upstream", `127.0.0.1:${world.app.port}`];
  await weir(["bootstrap", ...words, ...where], { cwd: folder });
  const envoy = await startEnvoy({ config: await readFile(join(folder, "envoy.yaml"), "utf8"), log: "warning" });
  t.after(() => envoy.stop());
  return { node, folder, envoy, port: await envoy.port() };
}

/** The authority of the certificate that a new client is shown. */
export async function issuerShown(port: number, authorities: Readonly<Record<string, string>>): Promise<string> {
  const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false, ALPNProtocols: ["h2"] });
  const shown = await new Promise<X509Certificate | undefined>((resolve) =>
    socket.once("secureConnect", () => resolve(socket.getPeerX509Certificate())),
  );
  socket.destroy();
  const found = Object.entries(authorities).find(([, cert]) => shown?.verify(new X509Certificate(cert).publicKey));
  return found?.[0] ?? "another";
}
