import assert from "node:assert/strict";
import { cp, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import type { WasmFilter } from "../model/gen/wasmfilter.ts";
import { type Cluster, installCrds, kubectl, startCluster } from "./support/cluster.ts";
import { type DeltaProxy, type DeltaProxyOptions, startDeltaProxy } from "./support/delta-proxy.ts";
import { eventually } from "./support/process.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { MODULES, moduleOf, NAMESPACE, storeModule } from "./support/upgrade-scene.ts";
import { startWeir, type Weir } from "./support/weir.ts";

/** What these commits wrote: the last before version 2 of a revision's hash, and the last before its part of a Secret was keyed. */
const COMMITS = ["ed90ed3", "a904717"];

type Json = Readonly<Record<string, unknown>>;

/** A Weir of today on what the recorded one left behind. Its registry and its web server are gone. */
interface Takeover {
  readonly server: Weir;
  readonly proxies: readonly DeltaProxy[];
  /** The filters as they were recorded. */
  readonly recorded: readonly WasmFilter[];
}

async function readJson<T>(...path: readonly string[]): Promise<T> {
  return JSON.parse(await readFile(join(...path), "utf8")) as T;
}

/** The data folder that was recorded, with the modules built from their texts. */
async function restoreData(fixture: string, recorded: string, data: string): Promise<void> {
  await cp(join(fixture, recorded, "data"), data, { recursive: true });
  for (const name of MODULES) await storeModule(data, await moduleOf(fixture, name));
}

async function connectAll(fixture: string, server: Weir, recorded: string): Promise<readonly DeltaProxy[]> {
  const proxies = await readJson<readonly DeltaProxyOptions[]>(fixture, recorded, "proxies.json");
  return proxies.map((options) => startDeltaProxy(server.xdsPort, options));
}

/** Conditions that the recorded versions did not know. They follow from Ready. */
const YOUNGER: ReadonlySet<string> = new Set(["Reconciling", "Stalled"]);

/** What must be the same after the upgrade; how conditions are worded may not. */
function essence({ metadata, status }: WasmFilter): unknown {
  const { conditions = [], observedGeneration: _, ...rest } = status ?? {};
  const known = conditions.filter(({ type }) => !YOUNGER.has(type));
  const states = known.map(({ type, status: state }) => `${type} ${state}`).sort();
  return { name: metadata.name, ...rest, conditions: states };
}

function byName(filters: readonly WasmFilter[]): unknown[] {
  return [...filters].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1)).map(essence);
}

async function filtersOf(server: Weir): Promise<readonly WasmFilter[]> {
  const response = await fetch(`${server.url}/api/v1/filters`);
  return ((await response.json()) as { items: WasmFilter[] }).items;
}

/** Statuses come to what was recorded, stay there, and no proxy is sent anything meanwhile. */
async function assertNothingMoves({ server, proxies, recorded }: Takeover): Promise<void> {
  const connected = async () => (await server.proxies()).filter((proxy) => proxy.connected).length === proxies.length;
  await eventually("every proxy to be back", connected, 20_000);
  const resolved = async () =>
    (await filtersOf(server)).every(
      (filter) => conditionOf(filter, "Validated") === conditionOf(recordedOf(recorded, filter), "Validated"),
    );
  await eventually("every filter to be resolved", resolved, 20_000);
  await sleep(1_500);
  assert.deepEqual(byName(await filtersOf(server)), byName(recorded));
  for (const { id, received } of proxies) assert.deepEqual(received, [], `pushed to ${id}`);
}

function recordedOf(recorded: readonly WasmFilter[], { metadata }: WasmFilter): WasmFilter | undefined {
  return recorded.find((filter) => filter.metadata.name === metadata.name);
}

function conditionOf(filter: WasmFilter | undefined, type: string): string | undefined {
  return filter?.status?.conditions?.find((condition) => condition.type === type)?.status;
}

/** The check above is not blind: a spec that changes is a revision and a push, and one that changes back is the revision that was recorded. */
async function assertStillAlive({ server, proxies }: Takeover, configure: (config: string | undefined) => Promise<void>): Promise<void> {
  await configure("other");
  const isServed = (filter: WasmFilter, revision: number) =>
    filter.status?.revision === revision && conditionOf(filter, "Ready") === "True";
  await server.until("another config to be revision 2", "defaults", (filter) => isServed(filter, 2));
  for (const { id, received } of proxies) assert.equal(received.length, 1, `pushed to ${id}`);
  await configure(undefined);
  const back = await server.until("the old spec to be revision 1 again", "defaults", (filter) => isServed(filter, 1));
  assert.deepEqual(back.status?.history?.map(({ revision }) => revision).sort(), [1, 2]);
}

for (const commit of COMMITS) {
  const fixture = fileURLToPath(new URL(`fixtures/upgrade-${commit}/`, import.meta.url));
  const name = `what commit ${commit} wrote is taken over with no new revision, no rollout, no changed history and no byte pushed`;
  describe(name, () => {
    test("a folder of manifests with its data folder", async (t) => {
      const temp = await createTempFolder("upgrade");
      const [filters, data] = [join(temp.path, "filters"), join(temp.path, "data")];
      await restoreData(fixture, "folder", data);
      await cp(join(fixture, "folder/manifests"), filters, { recursive: true });
      const kept = join(data, "folder/filters", NAMESPACE);
      const recorded = await storedFilters(kept);
      const revisions = await revisionFiles(kept);
      const server = await startWeir({ source: ["--filters", filters], data });
      const proxies = [...(await connectAll(fixture, server, "folder"))];
      t.after(async () => {
        for (const proxy of proxies) proxy.close();
        await server.stop();
        await temp.remove();
      });
      await assertNothingMoves({ server, proxies, recorded });
      const rewritten = await revisionFiles(kept);
      const guessable = await assertRewritten(server, [...revisions.values()], [...rewritten.values()]);
      assert.deepEqual([...rewritten.keys()], [...revisions.keys()]);
      assert.deepEqual((await storedFilters(kept)).map(identity), recorded.map(identity));
      for (const proxy of proxies.splice(0)) proxy.close();
      await server.stop();
      await server.start();
      proxies.push(...(await connectAll(fixture, server, "folder")));
      await assertNothingMoves({ server, proxies, recorded });
      assert.deepEqual(await revisionFiles(kept), rewritten);
      const manifest = join(filters, "defaults.yaml");
      const text = await readFile(manifest, "utf8");
      await assertStillAlive({ server, proxies, recorded }, (config) =>
        writeFile(manifest, config === undefined ? text : `${text}  config: ${config}\n`),
      );
      t.diagnostic(`${recorded.length} filters, ${revisions.size} revisions, ${guessable} hashes rewritten, ${proxies.length} proxies`);
    });

    test("objects, statuses and ControllerRevisions of a cluster", async (t) => {
      const temp = await createTempFolder("upgrade");
      const cluster = await startCluster();
      t.after(() => cluster.stop());
      const data = join(temp.path, "data");
      await restoreData(fixture, "cluster", data);
      const recorded = await restoreCluster(fixture, cluster);
      const revisions = await controllerRevisions(cluster);
      const server = await startWeir({ source: ["--kubeconfig", cluster.kubeconfig], data, flags: ["--allow-address", "127.0.0.1"] });
      const proxies = await connectAll(fixture, server, "cluster");
      t.after(async () => {
        for (const proxy of proxies) proxy.close();
        await server.stop();
        await temp.remove();
      });
      await assertNothingMoves({ server, proxies, recorded });
      const rewritten = await controllerRevisions(cluster);
      const guessable = await assertRewritten(server, revisions.map(dataOf), rewritten.map(dataOf));
      const untouched = rewritten.filter(({ metadata }) => revisions.some((before) => before.metadata.name === metadata.name));
      assert.equal(untouched.length, revisions.length - guessable);
      for (const object of untouched) assert.ok(revisions.some((before) => isDeepStrictEqual(before, object)));
      await assertStillAlive({ server, proxies, recorded }, async (config) => {
        const patch = JSON.stringify({ spec: { config: config ?? null } });
        await kubectl(["patch", "wf", "defaults", "-n", NAMESPACE, "--type=merge", "-p", patch], cluster);
      });
      t.diagnostic(`${recorded.length} filters, ${revisions.length} revisions, ${guessable} hashes rewritten, ${proxies.length} proxies`);
    });
  });
}

/**
 * Every record is what it was, but for the hash where that was one of a Secret's text: nothing has that any more, neither records nor API nor log. Returns
 * how many there were.
 */
async function assertRewritten(server: Weir, before: readonly string[], after: readonly string[]): Promise<number> {
  const read = (text: string) => JSON.parse(text) as Json & { readonly hash: string };
  const order = (records: readonly string[]) =>
    records.map(read).sort((a, b) => (`${a.time} ${a.number} ${a.hash}` < `${b.time} ${b.number} ${b.hash}` ? -1 : 1));
  const plain = (records: readonly string[]) => order(records).filter(({ secretConfig }) => secretConfig === undefined);
  const secret = (records: readonly string[]) => order(records).filter(({ secretConfig }) => secretConfig !== undefined);
  const essence = ({ hash: _, ...rest }: Json) => rest;
  assert.deepEqual(plain(after), plain(before));
  assert.deepEqual(secret(after).map(essence), secret(before).map(essence));
  const guessable = secret(before).map(({ hash }) => hash.split(":").at(-1) ?? hash);
  assert.ok(guessable.length > 0);
  const paths = ["filters", "proxies", `filters/${NAMESPACE}/secret/revisions`];
  const shown = await Promise.all(paths.map(async (path) => (await fetch(`${server.url}/api/v1/${path}`)).text()));
  for (const text of [...after, ...shown, server.logs()]) {
    assert.doesNotMatch(text, /:sha256:/);
    for (const digits of guessable) assert.ok(!text.includes(digits));
  }
  return guessable.length;
}

function dataOf({ data }: KeptRevision): string {
  return JSON.stringify(data);
}

async function storedFilters(kept: string): Promise<readonly WasmFilter[]> {
  const names = (await readdir(kept)).sort();
  return Promise.all(names.map(async (name) => JSON.parse(await readFile(join(kept, name, "filter.json"), "utf8")) as WasmFilter));
}

function identity({ metadata, spec }: WasmFilter): unknown {
  return { metadata, spec };
}

async function revisionFiles(kept: string): Promise<ReadonlyMap<string, string>> {
  const files = (await readdir(kept, { recursive: true })).filter((path) => path.includes("revisions/")).sort();
  return new Map(await Promise.all(files.map(async (path) => [path, await readFile(join(kept, path), "utf8")] as const)));
}

interface KeptRevision {
  readonly metadata: { readonly name: string };
  readonly data: unknown;
}

async function controllerRevisions(cluster: Cluster): Promise<readonly KeptRevision[]> {
  const list = JSON.parse(await kubectl(["get", "controllerrevisions", "-n", NAMESPACE, "-o", "json"], cluster)) as {
    items: KeptRevision[];
  };
  return list.items;
}

/** Makes the recorded objects again. An API server gives them uids of its own, so what refers to the old ones is made to refer to those. */
async function restoreCluster(fixture: string, cluster: Cluster): Promise<readonly WasmFilter[]> {
  await installCrds(cluster);
  await kubectl(["create", "namespace", NAMESPACE], cluster);
  const create = (object: unknown) => kubectl(["create", "-f", "-", "-o", "json"], { ...cluster, input: JSON.stringify(object) });
  const listOf = (items: readonly unknown[]) => ({ apiVersion: "v1", kind: "List", items });
  const filters = (await readJson<{ items: WasmFilter[] }>(fixture, "cluster/wasmfilters.json")).items;
  for (let generation = 1, left = filters; left.length > 0; generation++) {
    // Any other spec counts the generation up; the last is the recorded one.
    const items = left.map((filter) => (generation === filter.metadata.generation ? bare(filter) : changed(filter, generation)));
    await kubectl([generation === 1 ? "create" : "replace", "-f", "-"], { ...cluster, input: JSON.stringify(listOf(items)) });
    left = left.filter(({ metadata }) => (metadata.generation ?? 0) > generation);
  }
  const made = (JSON.parse(await kubectl(["get", "wf", "-n", NAMESPACE, "-o", "json"], cluster)) as { items: WasmFilter[] }).items;
  const withStatus = made.map((filter) => ({ ...filter, status: recordedOf(filters, filter)?.status }));
  await kubectl(["replace", "--subresource=status", "-f", "-"], { ...cluster, input: JSON.stringify(listOf(withStatus)) });
  let kept = JSON.stringify((await readJson<{ items: Json[] }>(fixture, "cluster/controllerrevisions.json")).items);
  for (const { metadata } of filters) {
    const uid = recordedOf(made, { metadata } as WasmFilter)?.metadata.uid ?? "";
    kept = kept.replaceAll(metadata.uid ?? "", uid).replaceAll(`-${metadata.uid?.slice(0, 8)}-`, `-${uid.slice(0, 8)}-`);
  }
  await create(listOf((JSON.parse(kept) as WasmFilter[]).map(bare)));
  for (const kind of ["secrets", "configmaps"]) {
    const { items } = await readJson<{ items: WasmFilter[] }>(fixture, `cluster/${kind}.json`);
    await create(listOf(items.filter(({ metadata }) => metadata.name === "texts").map(bare)));
  }
  assert.deepEqual(
    made.map(({ metadata }) => metadata.generation),
    filters.map(({ metadata }) => metadata.generation),
  );
  return filters;
}

/** An object as somebody would make it: without what the API server adds. */
function bare({ metadata, ...rest }: WasmFilter): unknown {
  const { uid: _uid, resourceVersion: _version, creationTimestamp: _time, generation: _generation, ...kept } = metadata;
  return { ...rest, metadata: kept };
}

function changed(filter: WasmFilter, generation: number): unknown {
  return bare({ ...filter, spec: { ...filter.spec, revisionHistoryLimit: 50 + generation } });
}
