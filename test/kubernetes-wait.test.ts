import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { digestOf } from "../model/digest.ts";
import { type Cluster, installCrds, kubectl, startCluster } from "./support/cluster.ts";
import { startEchoApp } from "./support/echo-app.ts";
import { startEnvoy } from "./support/envoy.ts";
import { eventually } from "./support/process.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { get } from "./support/traffic.ts";
import { headerFilter } from "./support/wat.ts";
import { startWeir, type Weir, weir } from "./support/weir.ts";

/** Of the twenty, those that are made or changed while no Weir is there. */
const AWAY = 6;
const ROUNDS = 20;
const ENVOYS = 2;
/** On each Envoy, on a connection of its own: its workers share them out. */
const REQUESTS = 8;

interface World {
  readonly cluster: Cluster;
  readonly server: Weir;
  readonly ports: readonly number[];
  readonly url: string;
  readonly code: Uint8Array;
}

let world: World;
const open: (() => Promise<unknown>)[] = [];
const kube = (args: readonly string[], input?: string) => kubectl(args, { kubeconfig: world.cluster.kubeconfig, input });

before(async () => {
  const folder = await createTempFolder("wait");
  open.push(folder.remove);
  const code = await headerFilter({ name: "x-round", value: { from: "configuration" } });
  const files = createServer((_, response) => void response.end(code));
  await new Promise<void>((resolve) => files.listen(0, "127.0.0.1", resolve));
  open.push(async () => files.close());
  const cluster = await startCluster();
  open.push(cluster.stop);
  await installCrds(cluster);
  const source = ["--kubeconfig", cluster.kubeconfig];
  const server = await startWeir({ source, data: join(folder.path, "data"), flags: ["--allow-address", "127.0.0.1"] });
  open.push(server.stop);
  const app = await startEchoApp();
  open.push(app.stop);
  const where = ["--xds", `127.0.0.1:${server.xdsPort}`, "--listen", "127.0.0.1:0", "--upstream", `127.0.0.1:${app.port}`];
  const ports: number[] = [];
  for (let i = 0; i < ENVOYS; i++) {
    const config = await weir(["bootstrap", "--node", `web-${i}`, "--namespace", "default", ...where]);
    const envoy = await startEnvoy({ config, log: "warning" });
    open.push(envoy.stop);
    ports.push(await envoy.port());
  }
  world = { cluster, server, ports, url: `http://127.0.0.1:${(files.address() as AddressInfo).port}/f`, code };
});

after(async () => {
  for (const close of open.reverse()) await close();
});

async function apply(name: string, config: string): Promise<void> {
  const spec = { url: world.url, sha256: digestOf(world.code), config, rollout: { steps: [{ percent: 100 }] } };
  await kube(["apply", "-f", "-"], JSON.stringify({ apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: { name }, spec }));
}

test("when kubectl wait returns, every request passes the filter: 20 times, of a new filter, a changed one, and one made while Weir was away", async (t) => {
  const { server, ports } = world;
  await eventually("both Envoys", async () => (await server.proxies()).filter(({ connected }) => connected).length === ENVOYS, 30_000);
  const waits: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    // A filter lives for two rounds: it is made, then changed.
    const name = `f-${Math.floor(round / 2)}`;
    const isAway = round % 3 === 1 && round < AWAY * 3;
    if (round === 0) await apply("always-there", "base");
    if (isAway) await server.kill();
    if (round % 2 === 0 && round > 0) await kube(["delete", "wf", `f-${round / 2 - 1}`]);
    await apply(name, `round-${round}`);
    const started = isAway ? server.start() : undefined;
    const from = performance.now();
    await kube(["wait", "--for=condition=Ready", `wf/${name}`, "--timeout=60s"]);
    const answers = await Promise.all(ports.flatMap((port) => Array.from({ length: REQUESTS }, () => get(port))));
    waits.push(performance.now() - from);
    for (const { status, headers } of answers) {
      assert.equal(status, 200);
      assert.ok(String(headers["x-round"]).split(", ").includes(`round-${round}`), `round ${round}: ${headers["x-round"]}`);
    }
    await started;
  }
  const [least = 0, most = 0] = [Math.min(...waits), Math.max(...waits)].map(Math.round);
  t.diagnostic(
    `${ROUNDS} waits of ${least} to ${most} ms, ${AWAY} of them over a start; ${ROUNDS * ENVOYS * REQUESTS} requests, none without the filter`,
  );
});

test("a server that stops says nothing of filters any more: that their proxies lose it is not their fault", async () => {
  const { server } = world;
  const shown = () => kube(["get", "wf", "always-there", "-o", "jsonpath={.status.conditions} {.status.proxies}"]);
  await kube(["wait", "--for=condition=Ready", "wf/always-there", "--timeout=60s"]);
  const before = await eventually("a status that is told twice", async () => {
    const [first] = [await shown()];
    await new Promise((done) => setTimeout(done, 500));
    return first === (await shown()) && first.includes(`"updated":${ENVOYS}`) ? first : undefined;
  });
  await server.stop();
  assert.equal(await shown(), before);
});
