import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Fault, faultyFilter } from "./support/faulty.ts";
import { earlierWeir, lacksForEarlier } from "./support/kubernetes/earlier.ts";
import { type Kubernetes, lacksForNode, startKubernetes } from "./support/kubernetes/index.ts";
import { type Load, startLoad } from "./support/kubernetes/load.ts";
import { appDeployment, namespace } from "./support/kubernetes/pods.ts";
import { createReplicas, type Replicas } from "./support/kubernetes/replicas.ts";
import { type OperatorPod, RELEASE } from "./support/kubernetes/tenants.ts";
import { type Claim, type Round, runs, Truth } from "./support/kubernetes/truth.ts";
import { CHART, chartValues, type SharedRegistry, startSharedRegistry, untilFilter } from "./support/kubernetes/weir.ts";
import { eventually } from "./support/process.ts";

/** Several replicas of Weir as the chart runs them on a real node, with Envoys beside apps that are asked without a break. */
const lacks = await lacksForNode();
const lacksEarlier = await lacksForEarlier();
const TIMEOUT = { timeout: 600_000 };
const needsNode = { ...TIMEOUT, skip: lacks ?? false };
const needsEarlier = { ...TIMEOUT, skip: lacks ?? lacksEarlier ?? false };
/** Five whose names begin with `web`, and one with `edge`, which refuses what is faulty. */
const PROXIES = 6;
/** How long replicas are killed, one every ten seconds, the leader every other time. */
const KILL_SECONDS = Number(process.env.WEIR_CLUSTER_KILL_SECONDS ?? 60);
const KILL_EVERY_MS = 10_000;
const CHANGE_EVERY_MS = 2_000;
/** One change in so many is faulty. */
const FAULTY_EVERY = 10;
const STEPS = { steps: [{ percent: 34 }, { percent: 100 }] };

let cluster: Kubernetes;
let registry: SharedRegistry;
let replicas: Replicas;
let visits: Load;
let values: readonly string[];
let released = 0;

before(async () => {
  if (lacks !== undefined) return;
  cluster = await startKubernetes({ images: ["weir", "envoy"] });
  registry = await startSharedRegistry(cluster);
  values = [...(await chartValues(cluster, registry.host)), "--set", "http.insecure=true"];
  await install();
  replicas = await createReplicas(cluster);
  await cluster.apply(namespace("visitors"), namespace("shop", { "weir.dev/inject": "true" }));
  const labelled = (app: string) => ({ metadata: { labels: { app, fleet: "shop" } } });
  await cluster.apply(appDeployment("web", "shop", PROXIES - 1, labelled("web")), appDeployment("edge", "shop", 1, labelled("edge")), {
    ...{ apiVersion: "v1", kind: "Service", metadata: { name: "web", namespace: "shop" } },
    spec: { selector: { fleet: "shop" }, ports: [{ port: 80, targetPort: 8080 }] },
  });
  for (const name of ["web", "edge"]) await cluster.kubectl(["rollout", "status", "-n", "shop", `deployment/${name}`, "--timeout=180s"]);
  const { image } = await push("good");
  await cluster.apply({
    ...{ apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: { name: "mark", namespace: "shop" } },
    spec: { image, rollout: STEPS },
  });
  await everywhere(`m${released}`);
  visits = await startLoad(cluster, { namespace: "visitors", url: "http://web.shop/" });
});

after(async () => {
  await cluster?.stop();
  await registry?.registry.stop();
});

/** Three replicas: those of an earlier commit, where they are to be had. */
async function install(): Promise<void> {
  if (lacksEarlier !== undefined) return helm("install", CHART, ["--create-namespace", "--set", "replicas=3"]);
  const { image, chart } = await earlierWeir();
  const [repository, tag] = (await cluster.load.layout(image)).split(":");
  await helm("install", chart, ["--create-namespace", "--set", `replicas=3,image.repository=${repository},image.tag=${tag}`]);
}

const helm = async (command: string, chart: string, more: readonly string[]) =>
  void (await cluster.helm([command, ...RELEASE, chart, ...values, ...more, "--wait", "--timeout", "280s"]));

/** So many replicas of this Weir. */
const upgrade = (count: number) => helm("upgrade", CHART, ["--set", `replicas=${count}`]);

/** A module that marks answers with `m1`, `m2`, and so on, in the registry. */
async function push(fault: Fault): Promise<{ readonly mark: string; readonly image: string; readonly digest: string }> {
  const mark = `m${++released}`;
  const pushed = await registry.push(`filters/mark:${mark}`, await faultyFilter(fault, mark));
  replicas.digests.set(mark, pushed.digest);
  return { mark, ...pushed };
}

/** Waits until every proxy answers with this, the status says so, and nothing is under way. */
async function everywhere(mark: string, timeoutMs = 90_000): Promise<void> {
  const digest = replicas.digests.get(mark);
  await untilFilter(
    cluster,
    ["shop", "mark"],
    `${mark} everywhere by the status`,
    ({ status }) => status?.digest === digest && status?.rollout?.state === "Succeeded" && status.proxies?.updated === PROXIES,
    timeoutMs,
  );
  await allAnswer(mark);
}

async function allAnswer(mark: string, of = (_pod: string) => true): Promise<void> {
  let last: string[] = [];
  await eventually(
    `every proxy to answer with ${mark}`,
    async () => {
      last = [...(await replicas.marks())].filter(([pod]) => of(pod)).map(([pod, each]) => `${pod}=${each}`);
      return last.length > 0 && last.every((each) => each.endsWith(`=${mark}`));
    },
    60_000,
    50,
  ).catch((error: Error) => {
    throw new Error(`${error.message}: ${last.join(" ")}`);
  });
}

function containerOf({ status }: Pick<OperatorPod, "status">) {
  const found = status.containerStatuses.find(({ name }) => name === "weir");
  assert.ok(found !== undefined);
  return found;
}

/** KILL, as for its memory. The kubelet starts it again; one that it started again already it would let wait, so that pod is replaced. */
async function kill(pod: OperatorPod): Promise<void> {
  const { containerID, restartCount } = containerOf(pod);
  await cluster.killContainer(containerID);
  if (restartCount > 0) await cluster.kubectl(["delete", "pod", "-n", "weir-system", pod.metadata.name, "--grace-period=0", "--force"]);
}

/** Runs `work` under requests: none of them fails or is unfiltered, nothing that is said is untrue, and no two lead at once. */
async function underWatch(t: TestContext, work: (tell: (line: string) => void) => Promise<void>): Promise<void> {
  const tell = t.diagnostic.bind(t);
  const [before, watching] = [await visits.totals(), replicas.watch()];
  try {
    await work(tell);
  } finally {
    await watching.stop();
  }
  const { requests, failed, unfiltered, failures } = await visits.since(before);
  const { truth } = watching;
  tell(`${requests} requests, ${failed} failed, ${unfiltered} unfiltered`);
  const behind = `a claim was behind for ${truth.longestMs.toFixed(0)} ms at most`;
  tell(
    `${truth.rounds} looks of ${truth.slowestMs.toFixed(0)} ms at most (${truth.close} close enough to judge by), ${truth.claims} claims, ${truth.lies().length} lies; ${behind}`,
  );
  assert.deepEqual({ failed, unfiltered, failures }, { failed: 0, unfiltered: 0, failures: [] });
  assert.deepEqual(truth.lies(), []);
  assert.deepEqual(truth.twoLeaders(), []);
}

/** Changes the filter every two seconds until `isOver`, some of the changes for the worse; then waits until the last one is everywhere. */
async function change(isOver: () => boolean): Promise<{ readonly changes: number; readonly faulty: number }> {
  let faulty = 0;
  for (let changes = 1; ; changes++) {
    const next = sleep(CHANGE_EVERY_MS);
    const isLast = isOver();
    const isFaulty = changes % FAULTY_EVERY === FAULTY_EVERY / 2 && !isLast;
    if (isFaulty) faulty += 1;
    const { mark, image } = await push(isFaulty ? "refusesOnProxy" : "good");
    await replicas.patch({ image });
    if (isLast) {
      await everywhere(mark);
      return { changes, faulty };
    }
    await next;
  }
}

describe("sampled truth", () => {
  const round = (at: number, claims: readonly Claim[], answer: string, leaders: readonly string[] = []): Round => ({
    ...{ askedAt: at, claimedAt: at + 10, claims, answers: new Map([["p", answer]]), leaders },
  });

  test("a claim that a proxy contradicts for a second is a lie; one that follows it in time is none", () => {
    const late = new Truth();
    for (const at of [0, 300, 600, 900]) late.take(round(at, [runs("w", "p", "one")], "two"));
    late.take(round(1_200, [runs("w", "p", "two")], "two"));
    assert.deepEqual([late.lies(), late.longestMs], [[], 890]);
    const never = new Truth();
    for (const at of [0, 400, 800, 1_200]) never.take(round(at, [runs("w", "p", "one")], "two"));
    assert.deepEqual(never.lies(), [{ claim: "w: p runs one", ms: 1_190 }]);
    const flaps = new Truth();
    for (const at of [0, 900, 1_800, 2_700]) flaps.take(round(at, [runs("w", "p", "one")], "two"));
    assert.deepEqual([flaps.lies(), flaps.close], [[], 0], "looks that are far apart tell nothing");
  });

  test("two that say twice that they lead did so at once", () => {
    const truth = new Truth();
    truth.take(round(0, [], "one", ["a"]));
    truth.take(round(200, [], "one", ["a", "b"]));
    truth.take(round(400, [], "one", ["b"]));
    assert.deepEqual(truth.twoLeaders(), []);
    truth.take(round(600, [], "one", ["a", "b"]));
    truth.take(round(800, [], "one", ["b", "a"]));
    assert.deepEqual(truth.twoLeaders(), ["b and a"]);
  });
});

test("replicas of two versions are one Weir while the Deployment goes from one to the other", needsEarlier, (t) =>
  underWatch(t, async (tell) => {
    const start = performance.now();
    let isOver = false;
    const upgrading = upgrade(3).finally(() => {
      isOver = true;
    });
    const [{ changes }] = await Promise.all([change(() => isOver), upgrading]);
    tell(`${((performance.now() - start) / 1_000).toFixed(1)} s, ${changes} changes`);
    const images = (await replicas.pods()).map((pod) => containerOf(pod).image);
    assert.ok(images.length === 3 && images.every((image) => !image.includes("earlier")), images.join(" "));
  }),
);

const CUT_MS = 30_000;
/** For so long a leader that is no longer heard counts, and a little. */
const FRESH_MS = 6_000;
const WAVE = Math.floor(PROXIES / 2);

test(
  "the network between who decides and the others is cut in a wave: nobody gets anything early, nothing is lost, one leads",
  needsNode,
  (t) =>
    underWatch(t, async (tell) => {
      const leader = await replicas.untilLed();
      const others = (await replicas.pods()).filter(({ metadata }) => metadata.uid !== leader.metadata.uid);
      const letGo = await Promise.all((await proxies()).map((pod, index) => lead(pod, index % 2 === 0 ? (others[0] ?? leader) : leader)));
      const { mark, image } = await push("good");
      const has = async () => new Set([...(await replicas.marks())].flatMap(([proxy, each]) => (each === mark ? [proxy] : [])));
      await replicas.patch({ image, rollout: { steps: [{ percent: 50, hold: "12s" }, { percent: 100 }] } });
      await eventually("the first wave", async () => (await has()).size === WAVE, 30_000, 100);
      const drop = ["dport", "sport"].map((end) => `add rule inet cut in tcp ${end} 18003 drop`);
      const { containerID } = containerOf(leader);
      await nft(containerID, "add table inet cut", "add chain inet cut in { type filter hook input priority 0 ; }", ...drop);
      const cutAt = performance.now();
      let keptBefore = new Set<string>();
      // All that ever answered with it: one that does not answer for a moment has it still.
      const had = await has();
      let looks = 0;
      for (; performance.now() - cutAt < CUT_MS; looks++) {
        const next = sleep(250);
        const [kept, now] = [await connectedTo(others), await has()];
        // What is recorded is read last: a proxy had it no earlier than the record.
        const { status } = (await replicas.filter()) ?? {};
        const isFirstWave = status?.rollout?.state !== "Succeeded" && status?.rollout?.step === 1;
        assert.ok(!isFirstWave || now.size <= WAVE, `${[...now]} have it in a wave of ${WAVE}`);
        if (performance.now() - cutAt > FRESH_MS) {
          const early = [...now].filter((proxy) => !had.has(proxy) && kept.has(proxy) && keptBefore.has(proxy));
          assert.deepEqual(early, [], "got it from a replica that heard no leader");
        }
        for (const proxy of now) had.add(proxy);
        keptBefore = kept;
        await next;
      }
      tell(`${looks} looks in ${CUT_MS / 1_000} s of cut; ${had.size} of ${PROXIES} had the new revision at its end`);
      assert.equal(had.size, WAVE, "a wave of which nothing is heard does not pass");
      const healedAt = performance.now();
      await nft(containerID, "delete table inet cut");
      await everywhere(mark);
      tell(`${((performance.now() - healedAt) / 1_000).toFixed(1)} s from there until all had it and the status said so`);
      await Promise.all(letGo.map((end) => end()));
    }),
);

/** Rules for packets of a container's pod. */
const nft = (container: string, ...commands: readonly string[]) => cluster.runInNetworkOf(container, "nft", [commands.join("; ")]);

/** The pods of the app, with their Envoys. */
const proxies = async () => (await cluster.get<{ items: readonly OperatorPod[] }>(["pods", "-n", "shop", "-l", "fleet=shop"])).items;

/** Leads a proxy to this replica and no other, until what is given is called. */
async function lead({ metadata, status }: OperatorPod, to: OperatorPod): Promise<() => Promise<string>> {
  const { containerID } = status.containerStatuses[0] ?? assert.fail();
  const chain = (name: string, type: string, hook: string) => `add chain inet lead ${name} { type ${type} hook ${hook} priority 0 ; }`;
  await nft(
    containerID,
    ...["add table inet lead", chain("to", "nat", "output"), chain("in", "filter", "input")],
    `add rule inet lead to tcp dport 18000 dnat ip to ${to.status.podIP}:18000`,
    // Its replica is told that the connection has ended; its Envoy hears of it with the next that it sends.
    "add rule inet lead in tcp sport 18000 reject with tcp reset",
  );
  const isAt = async (pods: readonly OperatorPod[]) => (await connectedTo(pods)).has(metadata.name);
  await eventually(`the end of ${metadata.name}'s connection`, async () => !(await isAt(await replicas.pods())), 30_000, 100);
  await nft(containerID, "flush chain inet lead in");
  await eventually(`${metadata.name} at ${to.metadata.name}`, () => isAt([to]), 60_000, 50);
  return () => nft(containerID, "delete table inet lead");
}

async function connectedTo(pods: readonly OperatorPod[]): Promise<Set<string>> {
  const views = await Promise.all(pods.map((pod) => replicas.proxiesOf(pod)));
  return new Set(views.flatMap((view) => (view ?? []).flatMap(({ id, connected }) => (connected ? [id] : []))));
}

test("replicas are killed one after the other: nothing is unfiltered or fails, and all converge", needsNode, (t) =>
  underWatch(t, async (tell) => {
    const [before, until] = [await visits.totals(), performance.now() + KILL_SECONDS * 1_000];
    const isOver = () => performance.now() >= until;
    const [kills, { changes, faulty }] = await Promise.all([killUntil(isOver), change(isOver)]);
    const reached = Object.keys((await visits.since(before)).values).length;
    tell(`${KILL_SECONDS} s: ${kills.leader} leaders and ${kills.other} others killed`);
    tell(`${changes} changes, ${faulty} of them faulty; ${reached} reached requests`);
    assert.ok(kills.leader > 0 && kills.other > 0 && faulty > 0);
  }),
);

async function killUntil(isOver: () => boolean): Promise<{ readonly leader: number; readonly other: number }> {
  const kills = { leader: 0, other: 0 };
  for (let turn = 0; !isOver(); turn++) {
    const next = sleep(KILL_EVERY_MS);
    const [leader, pods] = [await replicas.leader(), await replicas.pods()];
    const others = pods.filter(({ metadata }) => metadata.uid !== leader?.metadata.uid);
    const victim = turn % 2 === 0 && leader !== undefined ? leader : others[turn % others.length];
    if (victim !== undefined) await kill(victim);
    kills[victim === leader ? "leader" : "other"] += 1;
    await next;
  }
  return kills;
}
