import { after, before, test } from "node:test";
import { type Prometheus, rulesAtOnce, startPrometheus } from "./support/prometheus.ts";
import { type ReplicaScene, startReplicaScene } from "./support/replica-scene.ts";

/** What several replicas may lack: each alert of it fires in a real Prometheus that scrapes them in that state. */
const TIMEOUT = { timeout: 240_000 };

let scene: ReplicaScene;
let prometheus: Prometheus;

before(async () => {
  scene = await startReplicaScene({ replicas: 2, proxies: 0 });
  const targets = scene.servers.map(({ url }) => url.replace("http://", ""));
  prometheus = await startPrometheus({ targets, rules: await rulesAtOnce() });
});

after(async () => {
  await prometheus?.stop();
  await scene?.stop();
});

test("a replica that is away is told by the other", TIMEOUT, async () => {
  await scene.servers[1]?.kill();
  await prometheus.fires("WeirReplicaAway");
});

test("where nobody can decide that is told, and that changes are not heard of", TIMEOUT, async () => {
  await scene.cluster.stop();
  await prometheus.fires("WeirNotDeciding", "WeirLeaderNotHeard", "WeirSourceNotFollowed");
});
