import assert from "node:assert/strict";
import { mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { WasmFilter } from "../model/gen/wasmfilter.ts";
import { placeholder } from "../model/placeholder.ts";
import { DEFAULT_SETTINGS } from "../model/settings.ts";
import { pushModule } from "../oci/index.ts";
import { createExaminer } from "../preflight/index.ts";
import { placeholderModule } from "../xds/envoy/placeholder.ts";
import { chainEntry } from "./support/chain-entry.ts";
import { startControl } from "./support/control.ts";
import { type EchoApp, startEchoApp } from "./support/echo-app.ts";
import { type Fault, faultyFilter } from "./support/faulty.ts";
import { slotsOfOne } from "./support/own-filters.ts";
import { reservePort } from "./support/ports.ts";
import { eventually } from "./support/process.ts";
import { type Registry, startRegistry } from "./support/registry.ts";
import { startProxy } from "./support/scene.ts";
import { createSnippets } from "./support/snippets.ts";
import { soon } from "./support/soon.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { type Answer, get, startTraffic, type Traffic } from "./support/traffic.ts";
import { badModules, headerFilter } from "./support/wat.ts";
import { condition, startWeir, type Weir } from "./support/weir.ts";
import { hideFilterChain, startXdsTap } from "./support/xds-tap.ts";

const mark = async (name: string, priority: number) => {
  const code = await headerFilter({ name: "x-order", value: name });
  return chainEntry(name, code, { priority });
};

for (const version of ["1.36.4", "1.40.0"] as const) {
  test(`what stands in a filter's place answers 503, behind the filters before it (Envoy ${version})`, async (t) => {
    const [app, control] = [await startEchoApp(), await startControl()];
    t.after(async () => {
      await control.stop();
      await app.stop();
    });
    const isOld = version === "1.36.4";
    const edit = isOld ? slotsOfOne(["first", "auth", "last"]) : (text: string) => text;
    const bootstrap = { xds: { host: "127.0.0.1", port: control.port }, stats: false };
    const { port } = await startProxy(t, { app, edit, bootstrap, version });
    const auth = chainEntry("auth", await headerFilter({ name: "x-order", value: "auth" }));
    const standIn = placeholder(auth.filter, { ...DEFAULT_SETTINGS, priority: 5 }, "replaces");
    const [first, last] = [await mark("first", 9), await mark("last", 1)];
    await control.apply({ default: [first, standIn, last] });
    const answer = await eventually("an answer", async () => {
      const got = await get(port);
      return got.status === 0 ? undefined : got;
    });
    assert.deepEqual([answer.status, answer.headers["x-weir-missing"]], [503, "shop/auth"]);
    assert.equal(answer.body, "this filter is not there yet: shop/auth");
    assert.equal(answer.headers["x-order"], "first", "the filter before it sees the request and the answer, the one behind it neither");
    const grpc = await get(port, { "content-type": "application/grpc" });
    assert.deepEqual([grpc.headers["grpc-status"], grpc.headers["x-weir-missing"]], ["14", "shop/auth"]);

    const match = [{ headers: [{ name: "x-auth", present: true }] }];
    const both = async () => [(await get(port)).status, (await get(port, { "x-auth": "1" })).status];
    await control.apply({ default: [first, last] });
    await soon(both, [200, 200]);
    control.desire({ default: [first, placeholder(auth.filter, { ...DEFAULT_SETTINGS, priority: 5, match }, "replaces"), last] });
    const unmatched = isOld ? 503 : 200;
    await soon(both, [unmatched, 503], "a place for one filter that takes Wasm only cannot tell requests apart: nothing passes it");
    await control.apply({ default: [first, auth, last] });
    await soon(async () => (await get(port)).headers["x-order"], "last, auth, first");
  });
}

test("what stands in a filter's place passes preflight", async () => {
  const { settings } = placeholder({ namespace: "shop", name: "auth" }, DEFAULT_SETTINGS, "replaces");
  const examined = await createExaminer().examine(placeholderModule, settings);
  assert.ok(examined.ok, JSON.stringify(examined));
});

/** Answers of one kind: 503 of the placeholder, passed by the filter, passed without it, or anything else. */
interface Counts {
  closed: number;
  filtered: number;
  unfiltered: number;
  other: number;
}

interface Watched {
  readonly node: string;
  readonly port: number;
  readonly traffic: Traffic;
  /** Since the last call. */
  counts(): Counts;
}

/** A real server on a folder, a real registry that can go away, and real proxies under traffic. */
class Scene {
  readonly folder: string;
  readonly app: EchoApp;
  readonly weir: Weir;
  readonly t: TestContext;
  private readonly registryPort: number;
  private registry: Registry | undefined;

  constructor(t: TestContext, parts: { folder: string; app: EchoApp; weir: Weir; registryPort: number }) {
    this.t = t;
    this.folder = parts.folder;
    this.app = parts.app;
    this.weir = parts.weir;
    this.registryPort = parts.registryPort;
  }

  async registryBack(): Promise<void> {
    this.registry = await startRegistry({ port: this.registryPort, storage: join(this.folder, "registry") });
  }

  async registryAway(): Promise<void> {
    await this.registry?.stop();
  }

  async push(name: string, fault: Fault): Promise<string> {
    const image = `127.0.0.1:${this.registryPort}/${name}`;
    const pushed = await pushModule(image, await faultyFilter(fault, name), { keychain: new Map() });
    assert(pushed.ok, JSON.stringify(pushed));
    return image;
  }

  async apply(name: string, spec: object): Promise<void> {
    const manifest = { apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: { name, namespace: "shop" }, spec };
    await writeFile(join(this.folder, "new"), JSON.stringify(manifest));
    await rename(join(this.folder, "new"), join(this.folder, "filters", `${name}.json`));
  }

  async delete(name: string): Promise<void> {
    await rm(join(this.folder, "filters", `${name}.json`));
  }

  /** `places`: a proxy of its own configuration that takes each filter for itself. */
  async proxy(node: string, places?: readonly string[]): Promise<Watched> {
    const { t, app, weir } = this;
    let port = weir.xdsPort;
    if (places !== undefined) {
      const tap = await startXdsTap({ target: port, edit: hideFilterChain });
      t.after(() => tap.stop());
      port = tap.port;
    }
    const edit = places === undefined ? (text: string) => text : slotsOfOne(places);
    const started = await startProxy(t, { app, edit, bootstrap: { node, xds: { host: "127.0.0.1", port }, stats: false } });
    await eventually(`an answer of ${node}`, async () => (await get(started.port)).status !== 0);
    let counts: Counts = { closed: 0, filtered: 0, unfiltered: 0, other: 0 };
    const onAnswer = (answer: Answer) => {
      counts[kindOf(answer)]++;
    };
    const traffic = startTraffic({ port: started.port, clients: 2, pauseMs: 1, filtered: () => true, onAnswer });
    t.after(() => traffic.stop());
    const taken = () => {
      const before = counts;
      counts = { closed: 0, filtered: 0, unfiltered: 0, other: 0 };
      return before;
    };
    return { node, port: started.port, traffic, counts: taken };
  }
}

function kindOf({ status, headers }: Answer): keyof Counts {
  if (status === 503 && headers["x-weir-missing"] === "shop/auth") return "closed";
  if (status !== 200) return "other";
  return String(headers["x-weir"]).includes("auth") ? "filtered" : "unfiltered";
}

async function startScene(t: TestContext): Promise<Scene> {
  const folder = await createTempFolder("when-missing");
  await mkdir(join(folder.path, "filters"));
  const app = await startEchoApp();
  const registryPort = await reservePort();
  const weir = await startWeir({ source: ["--filters", "filters"], data: "data", cwd: folder.path });
  const scene = new Scene(t, { folder: folder.path, app, weir, registryPort });
  t.after(async () => {
    await weir.stop();
    await scene.registryAway();
    await app.stop();
    await folder.remove();
  });
  return scene;
}

/** The spec of the page, with another image. */
const documented: WasmFilter = (await createSnippets("missing")).yaml("filter");
const auth = (image: string) => ({ ...documented.spec, image });

const programmed = (what: string) => (filter: WasmFilter) => condition(filter, "Programmed") === what;

test("not one of 10,000 requests passes a filter that must be there, whatever becomes of it", async (t) => {
  const scene = await startScene(t);
  const { weir } = scene;
  const proxies: Watched[] = [];
  const totals: Counts = { closed: 0, filtered: 0, unfiltered: 0, other: 0 };
  /** Sends this many more requests to each proxy, and says which kinds of answers came since the last time. */
  async function phase(what: string, each: number, expected: readonly (keyof Counts)[]): Promise<void> {
    await Promise.all(proxies.map(({ traffic }) => traffic.more(each)));
    for (const { node, counts } of proxies) {
      const got = counts();
      t.diagnostic(`${what}, ${node}: ${JSON.stringify(got)}`);
      for (const kind of Object.keys(got) as (keyof Counts)[]) {
        totals[kind] += got[kind];
        if (got[kind] > 0) assert.ok(expected.includes(kind), `${what}, ${node}: ${JSON.stringify(got)}`);
      }
    }
  }
  const all = (kind: keyof Counts) => async () => {
    const answers = await Promise.all(proxies.map(async ({ port }) => kindOf(await get(port))));
    return answers.every((answer) => answer === kind);
  };

  /** Waits until every worker of every proxy answers so: each takes a change up in its next turn. */
  const everywhere = (kind: keyof Counts) =>
    eventually(`${kind} everywhere`, async () => {
      for (const { counts } of proxies) counts();
      await Promise.all(proxies.map(({ traffic }) => traffic.more(20)));
      return proxies.every(({ counts }) => Object.entries(counts()).every(([name, count]) => name === kind || count === 0));
    });

  await scene.registryBack();
  const images = {
    trace: await scene.push("trace:1", "good"),
    refused: await scene.push("auth:1", "refusesOnProxy"),
    good: await scene.push("auth:2", "good"),
    refusedLater: await scene.push("auth:3", "refusesOnProxy"),
  };
  await scene.apply("trace", { image: images.trace, priority: 200 });
  await weir.until("the first filter", "trace", ({ status }) => status?.stableRevision === 1);
  proxies.push(await scene.proxy("web-1"), await scene.proxy("edge-1"), await scene.proxy("edge-2", ["trace", "auth"]));
  await eventually("requests that pass", all("unfiltered"));
  await scene.registryAway();

  await scene.apply("auth", auth(images.refused));
  await everywhere("closed");
  await phase("its registry is away", 1_000, ["closed"]);
  const missing = await weir.until("the status to say so", "auth", programmed("False Missing"));
  assert.match(JSON.stringify(missing.status?.conditions), /3 of 3 proxies answer 503 in its place/);

  await scene.registryBack();
  await weir.until("the first revision to fail", "auth", ({ status }) => status?.rollout?.state === "Rejected");
  await phase("its first revision, which two of three proxies reject", 1_000, ["closed", "filtered"]);
  await everywhere("closed");
  await phase("after its first revision failed", 500, ["closed"]);

  await scene.apply("auth", auth(images.good));
  await eventually("the filter everywhere", all("filtered"));
  await phase("its next revision, which loads", 500, ["closed", "filtered"]);
  await phase("while it is there", 500, ["filtered"]);

  await scene.apply("auth", auth(images.refusedLater));
  await weir.until("the third revision to go back", "auth", ({ status }) => status?.rollout?.state === "RolledBack");
  await phase("a revision that two of three proxies reject", 500, ["filtered"]);

  await scene.registryAway();
  await weir.stop();
  const blobs = join(scene.folder, "data", "modules", "blobs", "sha256");
  for (const file of await readdir(blobs)) await rm(join(blobs, file));
  await weir.start();
  await eventually("the proxies back", async () => (await weir.proxies()).filter(({ connected }) => connected).length === 3, 30_000);
  await phase("the server starts again without modules or registry", 1_000, ["filtered"]);
  for (const node of ["web-2", "edge-3"]) {
    const scaled = await scene.proxy(node, node === "web-2" ? undefined : ["trace", "auth"]);
    assert.equal(kindOf(await get(scaled.port)), "closed", node);
    proxies.push(scaled);
  }
  await phase("two more proxies meanwhile", 200, ["closed", "filtered"]);
  await scene.registryBack();
  await eventually("the filter everywhere", all("filtered"), 60_000);
  await phase("the registry is back", 200, ["closed", "filtered"]);

  await scene.delete("auth");
  await eventually("requests that pass", all("unfiltered"), 30_000);
  const sent = Object.values(totals).reduce((sum, count) => sum + count, 0);
  t.diagnostic(`${sent} requests: ${JSON.stringify(totals)}`);
  assert.ok(sent >= 10_000, `${sent}`);
  assert.deepEqual([totals.unfiltered, totals.other], [0, 0]);
});

test("a filter that a new proxy rejects does not hold off one that must be there", async (t) => {
  const scene = await startScene(t);
  const { weir } = scene;
  await scene.registryBack();
  await scene.apply("trace", { image: await scene.push("trace:1", "refusesOnProxy"), priority: 200 });
  await scene.apply("auth", auth(await scene.push("auth:1", "good")));
  const first = await scene.proxy("web-1");
  await eventually("the filter", async () => kindOf(await get(first.port)) === "filtered");
  for (const name of ["trace", "auth"]) await weir.until("a stable revision", name, ({ status }) => status?.stableRevision === 1);
  const late = await scene.proxy("edge-1");
  await eventually("the filter on a proxy that rejects the other", async () => kindOf(await get(late.port)) === "filtered");
  const shown = (await weir.proxies()).find(({ id }) => id === "edge-1")?.slots[0]?.filters ?? [];
  assert.deepEqual(shown.map(({ name, state }) => `${name} ${state}`).sort(), ["auth updated", "trace rejected"]);
  assert.equal(late.counts().unfiltered, 0);
});

for (const form of ["chain", "filters"] as const) {
  test(`a filter that must be there comes after its placeholder, and a refusal leaves that (managed sidecar, ${form})`, async (t) => {
    const [app, control] = [await startEchoApp(), await startControl()];
    const tap = await startXdsTap({ target: control.port, ...(form === "filters" && { edit: hideFilterChain }) });
    t.after(async () => {
      await tap.stop();
      await control.stop();
      await app.stop();
    });
    const bootstrap = { managed: true, xds: { host: "127.0.0.1", port: tap.port }, stats: false };
    const { port } = await startProxy(t, { app, bootstrap, concurrency: 1 });
    const auth = { ...chainEntry("auth", await faultyFilter("good", "auth")), mustBeThere: true };
    const refused = { ...chainEntry("auth", await badModules.missingImport()), mustBeThere: true };
    const trace = chainEntry("trace", await headerFilter({ name: "x-trace", value: "on" }));
    control.desire({ default: [trace] });
    await eventually("requests that pass", async () => kindOf(await get(port)) === "unfiltered");
    const sequence: (keyof Counts)[] = ["unfiltered"];
    const onAnswer = (answer: Answer) => {
      if (sequence.at(-1) !== kindOf(answer)) sequence.push(kindOf(answer));
    };
    // On connections of their own: a listener that changes leaves the open ones with the filters they have.
    let isOver = false;
    const clients = (async () => {
      while (!isOver) onAnswer(await get(port));
    })();
    t.after(async () => {
      isOver = true;
      await clients;
    });
    const becomes = (kinds: readonly (keyof Counts)[]) => soon(() => Promise.resolve([...sequence]), kinds);

    await control.refused({ default: [trace, refused] });
    await becomes(["unfiltered", "closed"]);
    await control.apply({ default: [trace, auth] });
    await becomes(["unfiltered", "closed", "filtered"]);
    await control.apply({ default: [trace] });
    await becomes(["unfiltered", "closed", "filtered", "unfiltered"]);
    await control.apply({ default: [trace, auth] });
    await soon(() => Promise.resolve(sequence.at(-1)), "filtered");
    const since = sequence.slice(4).filter((kind) => kind !== "closed");
    assert.deepEqual(since, ["filtered"], "the placeholder may be there for less than a request takes");
  });
}
