import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { WasmFilter } from "../model/gen/wasmfilter.ts";
import { pushModule, readPrivateKey, signImage } from "../oci/index.ts";
import { valued } from "../oci/testing/result.ts";
import { localBootstrap } from "./support/bootstrap.ts";
import { startEchoApp } from "./support/echo-app.ts";
import { startEnvoy } from "./support/envoy.ts";
import { eventually } from "./support/process.ts";
import { startRegistry } from "./support/registry.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { get } from "./support/traffic.ts";
import { headerFilter } from "./support/wat.ts";
import { condition, startWeir } from "./support/weir.ts";

const FILTER = "signed";
const keychain = new Map();

async function keyPair() {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const key = valued(await readPrivateKey(String(privateKey.export({ format: "pem", type: "pkcs8" })), ""));
  return { key, publicKey: String(publicKey.export({ format: "pem", type: "spki" })) };
}

test("a signed filter reaches Envoy, an unsigned one does not; a rollback needs no registry; a revoked key leads back to what holds", async (t) => {
  const folder = await createTempFolder("signed-envoy");
  t.after(() => folder.remove());
  await Promise.all(["filters", "storage"].map((name) => mkdir(join(folder.path, name))));
  const storage = join(folder.path, "storage");
  let registry = await startRegistry({ storage });
  const [app, alice, bob] = await Promise.all([startEchoApp(), keyPair(), keyPair()]);
  t.after(() => Promise.all([registry.stop(), app.stop()]));

  const imageOf = (version: number) => `${registry.host}/shop/signed:${version}`;
  async function release(version: number, ...keys: readonly { key: typeof alice.key }[]): Promise<void> {
    valued(await pushModule(imageOf(version), await headerFilter({ name: "x-weir", value: `${version}` }), { keychain }));
    for (const { key } of keys) valued(await signImage(imageOf(version), undefined, { keychain, key, created: new Date().toISOString() }));
  }
  await release(1, alice);
  await release(2, alice, bob);
  await release(3);

  async function put(name: string, object: object): Promise<void> {
    await writeFile(join(folder.path, "new"), JSON.stringify(object));
    await rename(join(folder.path, "new"), join(folder.path, "filters", name));
  }
  const trust = (publicKey: string) =>
    put("keys.json", { apiVersion: "v1", kind: "Secret", metadata: { name: "keys" }, stringData: { "cosign.pub": publicKey } });
  const verify = [{ cosign: { publicKeySecret: { name: "keys", key: "cosign.pub" } } }];
  const ask = (version: number) => {
    const spec = { image: imageOf(version), verify, whenUnverified: "RollBack", rollout: { steps: [{ percent: 100 }] } };
    return put("filter.json", { apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: { name: FILTER }, spec });
  };
  await trust(alice.publicKey);
  await ask(1);
  const server = await startWeir({ source: ["--filters", "filters"], data: "data", cwd: folder.path });
  t.after(server.stop);
  const config = localBootstrap({ node: "web-1", xdsPort: server.xdsPort, appPort: app.port });
  const envoy = await startEnvoy({ config });
  t.after(envoy.stop);
  const port = await envoy.port();
  const answers = (version: string) =>
    eventually(`x-weir: ${version}`, async () => (await get(port)).headers["x-weir"] === version, 60_000);
  const verified = (what: string) => server.until(what, FILTER, (filter) => condition(filter, "Verified") === what, 60_000);

  await answers("1");
  await verified("True Verified");
  await ask(3);
  await verified("False SignatureNotFound");
  await ask(2);
  await answers("2");
  await verified("True Verified");

  const { port: registryPort } = registry;
  await registry.stop();
  await ask(1);
  await answers("1");
  const { status } = await verified("True Verified");
  assert.equal(status?.revision, 1, "the same revision, by its kept verdict");

  registry = await startRegistry({ storage, port: registryPort });
  await trust(bob.publicKey);
  await answers("2");
  const isBack = ({ status }: WasmFilter) => status?.stableRevision === 2;
  const told = await server.until("revision 2 to be stable", FILTER, isBack, 60_000);
  assert.equal(condition(told, "Verified"), "False KeyMismatch");
  assert.match(server.logs(), /revision 1, which runs, does not have what is asked for: revision 2, which has it, takes its place/);
});
