import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { WasmFilter, WasmFilterSpec } from "../../model/gen/wasmfilter.ts";
import { pushModule } from "../../oci/index.ts";
import { localBootstrap } from "./bootstrap.ts";
import { type EchoApp, startEchoApp } from "./echo-app.ts";
import { type Envoy, startEnvoy } from "./envoy.ts";
import { customer, type Fault, faultyFilter } from "./faulty.ts";
import { eventually } from "./process.ts";
import { createTempFolder } from "./temp-folder.ts";
import { type Answer, get, startTraffic, type Traffic } from "./traffic.ts";
import { startWeir, type Weir } from "./weir.ts";

/** What a proxy's clients saw, compressed: one entry for each change of what was seen. */
export interface Sight {
  /** `performance.now()` of the first answer of this kind. */
  readonly at: number;
  /** `x-weir` of the answer, "" when it came unfiltered; "failed" for anything but a 200. */
  readonly value: string;
  /** Of a failure: its status, headers and body. */
  readonly detail: string;
  /** How many answers in a row. */
  count: number;
  /** `performance.now()` of the last one. */
  until: number;
  /** The longest of them took, in milliseconds. */
  longest: number;
}

export interface WatchedProxy {
  readonly node: string;
  readonly port: number;
  readonly envoy: Envoy;
  readonly traffic: Traffic;
  readonly sights: Sight[];
}

export interface Release {
  readonly number: number;
  readonly fault: Fault;
  readonly digest: string;
  readonly image: string;
}

/** A real `weir serve` on a folder, real Envoys under traffic, and modules to roll out to them. */
export interface RolloutScene {
  /** Holds the manifests in `filters` and the images in `images`. */
  readonly folder: string;
  readonly server: Weir;
  readonly proxies: readonly WatchedProxy[];
  /** The good release that everything starts from. */
  readonly first: Release;
  /** Makes a module that marks responses with the release's number (`heavy`: of 64 MiB), and asks for it in the manifest. */
  release(number: number, fault: Fault, heavy?: boolean): Promise<Release>;
  /** What became of it, as soon as the status says: `Refused` by preflight, or the result of its rollout. */
  outcome(release: Release, timeoutMs?: number): Promise<"Refused" | "Succeeded" | "RolledBack">;
  /** Waits until every proxy acknowledged this digest and answers with this release's mark. */
  allRun(release: Release): Promise<void>;
  stop(): Promise<void>;
}

export const FILTER = "rolling";

type Rollout = NonNullable<WasmFilterSpec["rollout"]>;

export interface RolloutSceneOptions {
  readonly proxies: number;
  /** Of every release, or of the one with this number. */
  readonly rollout: Rollout | ((release: number) => Rollout);
  readonly pauseMs: number;
  /** Changes the printed bootstrap, as its owner would by hand. */
  readonly edit?: (bootstrap: string) => string;
}

export async function startRolloutScene({
  proxies: count,
  rollout,
  pauseMs,
  edit = (text) => text,
}: RolloutSceneOptions): Promise<RolloutScene> {
  const open: (() => Promise<unknown>)[] = [];
  const folder = await createTempFolder("rollout");
  open.push(folder.remove);
  await mkdir(join(folder.path, "filters"));
  const app = await startEchoApp();
  open.push(app.stop);
  const server = await startWeir({ source: ["--filters", "filters"], data: "data", cwd: folder.path });
  open.push(server.stop);
  const proxies: WatchedProxy[] = [];
  const stop = async () => {
    await Promise.all(proxies.map(({ traffic }) => traffic.stop()));
    for (const close of open.reverse()) await close();
  };

  async function release(number: number, fault: Fault, heavy = false): Promise<Release> {
    const image = `oci-layout:images:r${number}`;
    const pushed = await pushModule(image, await faultyFilter(fault, `${number}`, heavy), { keychain: new Map(), layoutBase: folder.path });
    if (!pushed.ok) throw new Error(pushed.error.message);
    const spec = { image, rollout: typeof rollout === "function" ? rollout(number) : rollout };
    const manifest = { apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: { name: FILTER }, spec };
    await writeFile(join(folder.path, "new"), JSON.stringify(manifest));
    await rename(join(folder.path, "new"), join(folder.path, "filters", "filter.json"));
    return { number, fault, image, digest: pushed.value.digest };
  }

  async function outcome({ image, digest }: Release, timeoutMs?: number) {
    const of = (filter: WasmFilter) => (filter.spec.image === image ? decided(filter, digest) : undefined);
    const result = of(await server.until(`${image} to be decided`, FILTER, (filter) => of(filter) !== undefined, timeoutMs));
    if (result === undefined) throw new Error("undecided");
    return result;
  }

  async function allRun({ digest, number }: Release): Promise<void> {
    await eventually(
      `every proxy to run release ${number}`,
      async () => {
        const views = await server.proxies();
        const acknowledged = views.filter(({ connected, slots }) => {
          const [filter] = slots[0]?.filters ?? [];
          // A proxy that refused the release before still reports that refusal while that release is the target, and runs this one.
          return connected && filter?.digest === digest && filter.state !== "pending";
        });
        return acknowledged.length === count && proxies.every(({ sights }) => sights.at(-1)?.value === `${number}`);
      },
      30_000,
    );
  }

  try {
    const first = await release(0, "good");
    // A first release goes out in waves too: proxies that come earlier may rightly be given an empty chain.
    await server.until("the first release to be stable", FILTER, ({ status }) => status?.stableRevision === 1);
    for (let i = 0; i < count; i++) {
      const proxy = await startProxy(`edge-${i}`, server.xdsPort, app, edit);
      open.push(proxy.envoy.stop);
      proxies.push({ ...proxy, ...watchTraffic(proxy.port, pauseMs) });
    }
    await server.until(
      "the first release everywhere",
      FILTER,
      ({ status }) => status?.proxies?.updated === count && decided({ status }, first.digest) === "Succeeded",
    );
    return { folder: folder.path, server, proxies, first, release, outcome, allRun, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function decided({ status }: Pick<WasmFilter, "status">, digest: string): "Refused" | "Succeeded" | "RolledBack" | undefined {
  const refused = status?.conditions?.some(({ type, status: value }) => type === "Validated" && value === "False");
  if (refused) return "Refused";
  const result = status?.history?.find((item) => item.digest === digest)?.result;
  return result === "Succeeded" || result === "RolledBack" ? result : undefined;
}

async function startProxy(node: string, xdsPort: number, app: EchoApp, edit: (bootstrap: string) => string) {
  const config = localBootstrap({ node, xdsPort, appPort: app.port });
  const envoy = await startEnvoy({ config: edit(config), log: "warning", concurrency: 1 });
  const port = await envoy.port();
  await eventually("its listener", async () => (await get(port)).status === 200, 30_000);
  return { node, port, envoy };
}

function watchTraffic(port: number, pauseMs: number): Pick<WatchedProxy, "traffic" | "sights"> {
  const sights: Sight[] = [];
  const note = ({ status, headers, body }: Answer, took: number) => {
    const value = status === 200 ? String(headers["x-weir"] ?? "") : "failed";
    const last = sights.at(-1);
    const now = performance.now();
    if (last?.value === value) Object.assign(last, { count: last.count + 1, until: now, longest: Math.max(last.longest, took) });
    else {
      const detail = value === "failed" ? `${status} ${JSON.stringify(headers)} ${body.slice(0, 200)}` : "";
      sights.push({ at: now, value, detail, count: 1, until: now, longest: took });
    }
  };
  const filtered = ({ headers }: Answer) => headers["x-weir"] !== undefined;
  const traffic = startTraffic({ port, clients: 1, pauseMs, headers: customer, filtered, onAnswer: note });
  return { traffic, sights };
}
