import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { WasmFilter } from "../model/gen/wasmfilter.ts";
import { pushModule } from "../oci/index.ts";
import { reply, startFakeRegistry } from "../oci/testing/fake-registry.ts";
import { addArtifact, addBlob, addIndex, addManifest, createContent, tar } from "../oci/testing/images.ts";
import { startDeltaProxy } from "./support/delta-proxy.ts";
import { type Registry, startRegistry } from "./support/registry.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { headerFilter } from "./support/wat.ts";
import { condition, startWeir, type Weir } from "./support/weir.ts";

const auth = { username: "victim", password: "s3cret" };

interface Scene {
  readonly server: Weir;
  /** Writes a WasmFilter and waits until it is resolved or refused: `True ...`, or the reason. */
  resolve(namespace: string, name: string, spec: object): Promise<WasmFilter>;
  /** Puts a pull secret for the registry into the namespace. */
  grant(namespace: string, registry: Registry): Promise<void>;
}

async function startScene(t: TestContext): Promise<Scene> {
  const folder = await createTempFolder("attack-store");
  const filters = join(folder.path, "filters");
  await mkdir(filters);
  const server = await startWeir({ source: ["--filters", filters], data: join(folder.path, "data") });
  t.after(async () => {
    await server.stop();
    await folder.remove();
  });
  const write = (name: string, object: object) => writeFile(join(filters, `${name}.json`), JSON.stringify(object));
  return {
    server,
    async resolve(namespace, name, spec) {
      await write(name, { apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: { name, namespace }, spec });
      return server.until(`${name} to be resolved or refused`, name, (filter) => /^True|^False|Unavailable/.test(resolved(filter)));
    },
    grant(namespace, registry) {
      const config = JSON.stringify({ auths: { [`http://${registry.host}`]: auth } });
      const metadata = { name: "regcred", namespace };
      const type = "kubernetes.io/dockerconfigjson";
      return write(`${namespace}-secret`, {
        apiVersion: "v1",
        kind: "Secret",
        metadata,
        type,
        stringData: { ".dockerconfigjson": config },
      });
    },
  };
}

const resolved = (filter: WasmFilter | undefined) => condition(filter, "Resolved");
const messageOf = (filter: WasmFilter) => filter.status?.conditions?.find(({ type }) => type === "Resolved")?.message ?? "";

/** `HEAD 1, GET 0, blobs 0`: answers of 200 that a real registry gave for a repository since the last call. */
function createCounter(registry: Registry): (repository: string) => string {
  let seen = registry.logs().length;
  return (repository) => {
    const lines = registry.logs().slice(seen).split("\n");
    seen = registry.logs().length;
    const count = (method: string, kind: string) =>
      lines.filter((line) => line.includes(`"${method} /v2/${repository}/${kind}/`) && / 200 \d/.test(line)).length;
    return `HEAD ${count("HEAD", "manifests")}, GET ${count("GET", "manifests")}, blobs ${count("GET", "blobs")}`;
  };
}

test("a tenant who knows the digest of another's private image gets it only where the image may be read", async (t) => {
  const [guarded, open] = [await startRegistry({ auth }), await startRegistry()];
  t.after(() => Promise.all([guarded.stop(), open.stop()]));
  const scene = await startScene(t);
  const keychain = new Map([[guarded.host, [auth]]]);
  const module = await headerFilter({ name: "x-secret", value: "recipe" });
  const pushed = await pushModule(`${guarded.host}/victim/app:1`, module, { keychain });
  const copied = await pushModule(`${open.host}/pub/app:1`, module, { keychain: new Map() });
  assert.ok(pushed.ok && copied.ok && pushed.value.digest === copied.value.digest);
  const { digest, wasmDigest } = pushed.value;
  const pullSecrets = [{ name: "regcred" }];
  await scene.grant("victim", guarded);
  await scene.grant("friend", guarded);
  const image = `${guarded.host}/victim/app`;
  const [ofGuarded, ofOpen] = [createCounter(guarded), createCounter(open)];

  const victim = await scene.resolve("victim", "app", { image: `${image}:1`, pullSecrets });
  assert.match(resolved(victim), /^True/);
  t.diagnostic(`the victim's own pull: ${ofGuarded("victim/app")}`);

  const friend = await scene.resolve("friend", "shared", { image: `${image}@${digest}`, pullSecrets });
  assert.match(resolved(friend), /^True/);
  const shown = ofGuarded("victim/app");
  assert.equal(shown, "HEAD 1, GET 0, blobs 0");
  t.diagnostic(`another namespace with credentials of its own: ${shown}`);

  const denied = await scene.resolve("evil", "no-credentials", { image: `${image}@${digest}` });
  assert.equal(resolved(denied), "False AccessDenied");
  assert.equal(ofGuarded("victim/app"), "HEAD 0, GET 0, blobs 0");
  const missing = await scene.resolve("evil", "own-repository", { image: `${open.host}/evil/none@${digest}` });
  assert.equal(resolved(missing), "False ImageNotFound");
  for (const refused of [denied, missing]) assert.ok(!JSON.stringify(refused.status).includes(wasmDigest), "not even its name");

  const open1 = await scene.resolve("evil", "public", { image: `${open.host}/pub/app@${digest}` });
  assert.match(resolved(open1), /^True/);
  const delivered = ofOpen("pub/app");
  assert.match(delivered, /blobs 1$/);
  const open2 = await scene.resolve("third", "public-too", { image: `${open.host}/pub/app@${digest}` });
  assert.match(resolved(open2), /^True/);
  assert.equal(ofOpen("pub/app"), "HEAD 1, GET 0, blobs 0");
  t.diagnostic(`a public repository that has it: ${delivered}; the next namespace there: HEAD 1, GET 0, blobs 0`);

  await scene.server.kill();
  await Promise.all([guarded.stop(), open.stop()]);
  await scene.server.start();
  for (const name of ["app", "shared", "public", "public-too"]) {
    await scene.server.until(
      `${name} again`,
      name,
      (filter) => condition(filter, "Validated").startsWith("True") && resolved(filter).startsWith("True"),
    );
  }
  const pinned = { image: `${image}@${digest}`, pullSecrets, config: "new" };
  assert.match(resolved(await scene.resolve("victim", "another", pinned)), /^True/, "its namespace had it");
  await scene.grant("late", guarded);
  const late = await scene.resolve("late", "late", { image: `${image}@${digest}`, pullSecrets });
  assert.match(resolved(late), /RegistryUnavailable/);
  assert.match(messageOf(late), /cannot be reached/);
  const away = await scene.resolve("late", "late-public", { image: `${open.host}/pub/app@${digest}` });
  assert.match(resolved(away), /RegistryUnavailable/);
  for (const name of ["no-credentials", "own-repository"]) {
    assert.doesNotMatch(resolved(await scene.server.filter(name)), /^True/, name);
  }
  t.diagnostic("after a restart with both registries down: the four that had it go on, a new namespace gets it from neither");
});

test("access that is taken away ends for new filters, not for what runs", async (t) => {
  const storage = await createTempFolder("attack-store-registry");
  let guarded = await startRegistry({ auth, storage: storage.path });
  t.after(() => Promise.all([guarded.stop(), storage.remove()]));
  const scene = await startScene(t);
  const image = `${guarded.host}/victim/app`;
  const module = await headerFilter({ name: "x-app", value: "1" });
  const pushed = await pushModule(`${image}:1`, module, { keychain: new Map([[guarded.host, [auth]]]) });
  assert.ok(pushed.ok);
  const spec = { image: `${image}@${pushed.value.digest}`, pullSecrets: [{ name: "regcred" }] };
  await scene.grant("victim", guarded);
  assert.match(resolved(await scene.resolve("victim", "app", spec)), /^True/);
  await guarded.stop();
  guarded = await startRegistry({ auth: { ...auth, password: "changed" }, storage: storage.path, port: guarded.port });
  await scene.server.kill();
  await scene.server.start();
  const isServed = (filter: WasmFilter) => resolved(filter).startsWith("True") && condition(filter, "Validated").startsWith("True");
  await scene.server.until("the filter to go on", "app", isServed);
  const proxy = startDeltaProxy(scene.server.xdsPort, { id: "web-1", namespace: "victim", filterChain: true, names: ["weir/default"] });
  t.after(() => proxy.close());
  await scene.server.until("a new proxy to run it", "app", ({ status }) => status?.proxies?.updated === 1);
  assert.equal(resolved(await scene.resolve("victim", "new", spec)), "False AccessDenied");
  await guarded.stop();
  const late = await scene.resolve("victim", "newer", spec);
  assert.match(resolved(late), /RegistryUnavailable/, "an outage gives nothing back");
  const running = await scene.server.filter("app");
  assert.deepEqual([running && isServed(running), running?.status?.proxies?.updated], [true, 1]);
  t.diagnostic("password changed: the running filter goes on and reaches a new proxy, a new filter is denied, before and in an outage");
});

test("what one tenant feeds the store is nothing to another", async (t) => {
  const content = createContent();
  const module = await headerFilter({ name: "x-app", value: "victim" });
  const victim = addArtifact(content, module, "v1");
  const preferred = addArtifact(content, await headerFilter({ name: "x-app", value: "preferred" }));
  const archive = await tar([{ name: "plugin.wasm", bytes: await headerFilter({ name: "x-app", value: "second" }) }]);
  const second = addManifest(content, "application/vnd.oci.image.config.v1+json", [
    addBlob(content, "application/vnd.oci.image.layer.v1.tar", archive),
  ]);
  addIndex(content, [preferred, second], "idx");
  content.blobs.set(victim.digest, content.manifests.get(victim.digest)?.bytes ?? assert.fail());
  const fake = await startFakeRegistry(content);
  t.after(() => fake.stop());
  // The attacker's copy of the index lacks the image that it prefers.
  fake.intercept = ({ url }, response) => {
    const isLeftOut = url?.startsWith("/v2/evil/") === true && url.includes(preferred.digest);
    if (isLeftOut) reply(response, 404, {});
    return isLeftOut;
  };
  const scene = await startScene(t);
  const url = `http://${fake.host}/v2/evil/blobs/${victim.digest}`;
  const poison = await scene.resolve("evil", "poison-url", { url, sha256: victim.digest });
  assert.match(resolved(poison), /^True/);
  assert.equal(poison.status?.conditions?.find(({ type }) => type === "Validated")?.reason, "NotWasm");
  await scene.resolve("evil", "poison-index", { image: `${fake.host}/evil/app:idx` });

  const app = await scene.resolve("victim", "app", { image: `${fake.host}/victim/app:v1` });
  const indexed = await scene.resolve("victim", "indexed", { image: `${fake.host}/victim/app:idx` });
  const served = async (name: string) =>
    (await scene.server.until(`${name} to be served`, name, ({ status }) => status?.wasmDigest !== undefined)).status?.digest;
  assert.deepEqual([resolved(app).slice(0, 4), resolved(indexed).slice(0, 4)], ["True", "True"]);
  assert.deepEqual([await served("app"), await served("indexed")], [victim.digest, preferred.digest]);
  await scene.server.kill();
  await fake.stop();
  await scene.server.start();
  assert.deepEqual([await served("app"), await served("indexed")], [victim.digest, preferred.digest]);
  t.diagnostic(
    "a URL of the victim's manifest and an index with an image left out: the victim gets its own modules, after a restart with the registry down too",
  );
});
