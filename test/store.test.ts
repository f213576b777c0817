import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { watch } from "node:fs";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { TEMPORARY_PREFIX } from "../base/atomic-file.ts";
import { digestOf } from "../model/digest.ts";
import { pushModule } from "../oci/index.ts";
import { passThroughModule } from "../xds/envoy/pass-through.ts";
import { startDeltaProxy } from "./support/delta-proxy.ts";
import { eventually, startProcess } from "./support/process.ts";
import { type Registry, startRegistry } from "./support/registry.ts";
import { startSlowProxy } from "./support/slow-proxy.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { customSection } from "./support/wat.ts";
import { startWeir, type Weir } from "./support/weir.ts";

const WEIR = fileURLToPath(new URL("../bin/weir", import.meta.url));

let registry: Registry;

before(async () => {
  registry = await startRegistry();
});

after(() => registry?.stop());

interface Filter {
  readonly name: string;
  readonly image: string;
  readonly wasmDigest: string;
}

/** Filters of modules of their own, of `bytes` each, in the registry. */
async function pushFilters(repository: string, count: number, bytes: number): Promise<readonly Filter[]> {
  const padding = customSection(bytes);
  const filters: Filter[] = [];
  for (let i = 0; i < count; i++) {
    const module = Buffer.concat([passThroughModule, padding]);
    module.writeUInt32LE(i, module.length - 8);
    const image = `${registry.host}/${repository}/f${i}:1`;
    const pushed = await pushModule(image, module, { keychain: new Map() });
    assert.ok(pushed.ok);
    filters.push({ name: `f${i}`, image, wasmDigest: pushed.value.wasmDigest });
  }
  return filters;
}

interface Scene {
  readonly manifests: string;
  readonly data: string;
  /** The folder of the modules. */
  readonly blobs: string;
  /** Makes these the filters that there are. */
  write(filters: readonly Filter[]): Promise<void>;
  /** A server that ends with the test. */
  start(flags?: readonly string[]): Promise<Weir>;
}

async function createScene(t: TestContext, filters: readonly Filter[]): Promise<Scene> {
  const folder = await createTempFolder("store");
  const [manifests, data] = [join(folder.path, "filters"), join(folder.path, "data")];
  const blobs = join(data, "modules", "blobs", "sha256");
  for (const each of [manifests, blobs]) await mkdir(each, { recursive: true });
  t.after(() => folder.remove());
  const write = (all: readonly Filter[]) => {
    const items = all.map(({ name, image }) => ({
      apiVersion: "weir.dev/v1alpha1",
      kind: "WasmFilter",
      metadata: { name, namespace: "shop" },
      spec: { image },
    }));
    return writeFile(join(manifests, "all.json"), JSON.stringify({ apiVersion: "v1", kind: "List", items }));
  };
  await write(filters);
  return {
    manifests,
    data,
    blobs,
    write,
    async start(flags = []) {
      const weir = await startWeir({ source: ["--filters", manifests], data, flags });
      t.after(() => weir.stop());
      return weir;
    },
  };
}

interface CacheAnswer {
  readonly modules?: unknown;
  readonly damaged?: readonly string[];
}

/** `weir cache VERB` on a data folder. */
async function cache(data: string, verb: string): Promise<CacheAnswer> {
  const { stdout } = await promisify(execFile)(WEIR, ["cache", verb, "--data", data, "-o", "json"]);
  return JSON.parse(stdout);
}

/** What stands in the folder under the name of a digest; each file has that digest. */
async function wholeModules(blobs: string): Promise<ReadonlySet<string>> {
  const names = (await readdir(blobs)).filter((name) => !name.startsWith(TEMPORARY_PREFIX));
  for (const name of names) assert.equal(digestOf(await readFile(join(blobs, name))), `sha256:${name}`);
  return new Set(names.map((name) => `sha256:${name}`));
}

/** Waits until every one of them is in force, as no proxy is there to wait for. */
function allReady(weir: Weir, count: number): Promise<true> {
  const ready = async () => {
    const { items } = (await (await fetch(`${weir.url}/api/v1/filters`)).json()) as { items: { status?: { conditions?: object[] } }[] };
    const isReady = (filter: (typeof items)[number]) =>
      JSON.stringify(filter.status?.conditions ?? []).includes('"Validated","status":"True"');
    return items.length === count && items.every(isReady) ? (true as const) : undefined;
  };
  return eventually(`${count} filters to be ready`, ready, 240_000);
}

describe("the quota", () => {
  test("of 200 digests and room for 50 nothing in use is lost, and what nobody needs goes", { timeout: 400_000 }, async (t) => {
    const bytes = 20_000;
    const filters = await pushFilters("quota", 200, bytes);
    const size = passThroughModule.byteLength + bytes + 4;
    const { start, blobs, write } = await createScene(t, filters);
    const weir = await start(["--store-quota", String(50 * size)]);
    await allReady(weir, 200);
    assert.deepEqual(await wholeModules(blobs), new Set(filters.map(({ wasmDigest }) => wasmDigest)), "all 200 are in use");

    const used = filters.slice(0, 40);
    await write(used);
    const stored = await eventually("the others to go", async () => {
      const there = await wholeModules(blobs);
      return there.size <= 50 + 16 ? there : undefined; // 16 at most are held a little longer
    });
    for (const { name, wasmDigest } of used) assert.ok(stored.has(wasmDigest), `${name} is in use`);

    await weir.stop();
    const asked = registry.logs().length;
    await weir.start();
    const proxy = startDeltaProxy(weir.xdsPort, { id: "web-1", namespace: "shop", filterChain: true, names: ["weir/default"] });
    t.after(() => proxy.close());
    await eventually("the chain of 40", () => proxy.received.includes("weir/default"), 60_000);
    const log = registry.logs().slice(asked);
    assert.doesNotMatch(log, /GET \/v2\/quota\/[^ ]*\/blobs\//, "nothing was fetched again");
  });
});

describe("kill -9", () => {
  test("in the middle of 50 downloads leaves nothing that is half, and the next start goes on", { timeout: 300_000 }, async (t) => {
    const filters = await pushFilters("killed", 50, 50_000);
    const scene = await createScene(t, filters);
    const { blobs } = scene;
    const stoppedAt: number[] = [];
    for (const atLeast of [3, 12, 25]) {
      await killDuringWrite(scene, atLeast);
      stoppedAt.push((await wholeModules(blobs)).size);
    }
    t.diagnostic(`killed with ${stoppedAt.join(", ")} of 50 modules in the store`);
    assert.ok(stoppedAt.every((count) => count < 50));
    const weir = await scene.start();
    await allReady(weir, 50);
    assert.deepEqual(await wholeModules(blobs), new Set(filters.map(({ wasmDigest }) => wasmDigest)));
    const litter = (await readdir(blobs)).filter((name) => name.startsWith(TEMPORARY_PREFIX));
    assert.deepEqual(litter, [], "no litter");
    const proxy = startDeltaProxy(weir.xdsPort, { id: "web-1", namespace: "shop", filterChain: true, names: ["weir/default"] });
    t.after(() => proxy.close());
    await eventually("the chain of 50", () => proxy.received.includes("weir/default"), 60_000);
  });

  test("while 50 downloads are half on the disk leaves nothing that is served", { timeout: 300_000 }, async (t) => {
    const pushed = await pushFilters("in-flight", 50, 50_000);
    // A client has a few connections to one host, so there are several.
    const proxies = await Promise.all(Array.from({ length: 5 }, () => startSlowProxy(registry.port)));
    t.after(() => Promise.all(proxies.map((proxy) => proxy.stop())));
    const filters = pushed.map((filter, i) => ({
      ...filter,
      image: filter.image.replace(registry.host, proxies[i % proxies.length]?.host ?? ""),
    }));
    const scene = await createScene(t, filters);
    const { blobs, data } = scene;
    const images = filters.map(({ image }) => image);
    const bringing = await startProcess(process.execPath, ["--input-type=module", "-e", BRING_ALL, join(data, "modules"), ...images], {
      name: "50 downloads",
    });
    t.after(() => bringing.kill());
    await eventually("50 halves on the disk", async () => {
      const drafts = (await readdir(blobs)).filter((name) => name.startsWith(TEMPORARY_PREFIX));
      const sizes = await Promise.all(drafts.map((name) => stat(join(blobs, name)).then(({ size }) => size)));
      const held = proxies.reduce((sum, proxy) => sum + proxy.held(), 0);
      return held === 50 && sizes.filter((size) => size > 0).length === 50 ? (true as const) : undefined;
    });
    assert.deepEqual(await bringing.kill(), { code: null, signal: "SIGKILL" }, bringing.logs());
    assert.equal((await wholeModules(blobs)).size, 0, "what is half has no name");

    for (const proxy of proxies) proxy.release();
    const weir = await scene.start();
    await allReady(weir, 50);
    assert.deepEqual(await wholeModules(blobs), new Set(filters.map(({ wasmDigest }) => wasmDigest)));
    const litter = (await readdir(blobs)).filter((name) => name.startsWith(TEMPORARY_PREFIX));
    assert.deepEqual(litter, [], "no litter");
    const proxy = startDeltaProxy(weir.xdsPort, { id: "web-1", namespace: "shop", filterChain: true, names: ["weir/default"] });
    t.after(() => proxy.close());
    await eventually("the chain of 50", () => proxy.received.includes("weir/default"), 60_000);
  });
});

const roomOf = (file: string) => JSON.stringify(new URL(`../${file}`, import.meta.url).href);
/** Brings all images into the store of a data folder at once: a server has four under way. */
const BRING_ALL = `
  import { defaultLimits, fetchModule, findImage } from ${roomOf("oci/image/image.ts")};
  import { openReference } from ${roomOf("oci/open.ts")};
  import { createStore } from ${roomOf("oci/store/store.ts")};
  import { systemClock } from ${roomOf("model/clock.ts")};
  import { silentLog } from ${roomOf("model/log.ts")};
  const [directory, ...images] = process.argv.slice(1);
  const store = createStore({ directory, maxBytes: 2 ** 31, log: silentLog, clock: systemClock });
  const bring = async (image) => {
    const { repository } = openReference(image, new Map(), {}).value;
    const found = await findImage(repository, "1");
    return store.bring("manifests", repository.name, (sink) => fetchModule(repository, found.value, defaultLimits, sink));
  };
  console.log(JSON.stringify(await Promise.all(images.map(bring))));`;

/** Starts a server, and kills it the moment that it begins to write a module, once it has some. */
async function killDuringWrite({ manifests, data, blobs }: Scene, atLeast: number): Promise<void> {
  const seen = new Set(await readdir(blobs));
  const begun = Promise.withResolvers<void>();
  const watcher = watch(blobs, (_event, name) => {
    if (name === null) return;
    seen.add(name);
    const modules = [...seen].filter((each) => !each.startsWith(TEMPORARY_PREFIX)).length;
    if (modules >= atLeast && name.startsWith(TEMPORARY_PREFIX)) begun.resolve();
  });
  const anywhere = ["--xds-address", "127.0.0.1:0", "--http-address", "127.0.0.1:0"];
  const server = await startProcess(WEIR, ["serve", "--filters", manifests, "--data", data, ...anywhere], { name: "weir serve" });
  await Promise.race([begun.promise, server.exited]);
  watcher.close();
  assert.deepEqual(await server.kill(), { code: null, signal: "SIGKILL" }, server.logs());
}

describe("the scrub", () => {
  test("a file that the disk damages is found, moved away, told and fetched again while the server runs", async (t) => {
    const [filter] = await pushFilters("scrubbed", 1, 1_000);
    assert.ok(filter !== undefined);
    const { start, blobs, data } = await createScene(t, [filter]);
    const weir = await start(["--store-scrub-interval", "1s"]);
    await allReady(weir, 1);
    const file = join(blobs, filter.wasmDigest.slice("sha256:".length));
    const good = await readFile(file);
    const bad = Buffer.from(good);
    bad.writeUInt8(bad.readUInt8(500) ^ 1, 500);
    await writeFile(file, bad);
    await eventually("the module to be whole again", async () => (await readFile(file)).equals(good));
    assert.deepEqual(await readFile(join(blobs, "../../damaged", filter.wasmDigest.slice("sha256:".length))), bad);
    assert.match(weir.logs(), /a damaged module was moved out of the store; it will be pulled again .*digest=sha256/);
    assert.match(await weir.metrics(), /^weir_store_damaged_total 1$/m);

    const listed = await cache(data, "ls");
    assert.deepEqual(listed.damaged, [filter.wasmDigest.slice("sha256:".length)]);
    assert.deepEqual(await cache(data, "verify"), { modules: 1, damaged: [] }, "a look beside the server");
    await assert.rejects(cache(data, "prune"), /is in use by another weir serve/);
    await eventually("what is needed to be written down", () => readFile(join(data, "modules", "needed.txt")).then(() => true));
    await weir.stop();
    assert.deepEqual(await cache(data, "prune"), { modules: 0, bytes: 0, halfWritten: 0 });
    assert.ok((await wholeModules(blobs)).has(filter.wasmDigest), "it is needed");
  });
});
