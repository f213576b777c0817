import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { earlierWeir, lacksForEarlier } from "./support/kubernetes/earlier.ts";
import { lacksForNode } from "./support/kubernetes/index.ts";
import { appPod } from "./support/kubernetes/pods.ts";
import { containerOf, PROXIES, type Shop, startShop } from "./support/kubernetes/shop.ts";
import { eventually } from "./support/process.ts";

/** Several replicas of Weir as the chart runs them on a real node, with Envoys beside apps that are asked without a break. */
const lacks = await lacksForNode();
const lacksEarlier = await lacksForEarlier();
const TIMEOUT = { timeout: 600_000 };
const needsNode = { ...TIMEOUT, skip: lacks ?? false };
const needsEarlier = { ...TIMEOUT, skip: lacks ?? lacksEarlier ?? false };
/** How long replicas are killed, one every ten seconds, the leader every other time. */
const KILL_SECONDS = Number(process.env.WEIR_CLUSTER_KILL_SECONDS ?? 60);
const KILL_EVERY_MS = 10_000;

let shop: Shop;

before(async () => {
  if (lacks === undefined) shop = await startShop(install);
});

after(() => shop?.stop());

/** Three replicas: those of an earlier commit, where they are to be had. */
async function install({ cluster, helm }: Pick<Shop, "cluster" | "helm">): Promise<void> {
  if (lacksEarlier !== undefined) return helm("install", ["--set", "replicas=3"]);
  const { image, chart } = await earlierWeir();
  const [repository, tag] = (await cluster.load.layout(image)).split(":");
  await helm("install", ["--set", `replicas=3,image.repository=${repository},image.tag=${tag}`], chart);
}

test("replicas of two versions are one Weir while the Deployment goes from one to the other", needsEarlier, (t) =>
  shop.underWatch(t, async (tell) => {
    const start = performance.now();
    let isOver = false;
    const upgrading = shop.helm("upgrade", ["--set", "replicas=3"]).finally(() => {
      isOver = true;
    });
    const [{ changes }] = await Promise.all([shop.change(() => isOver), upgrading]);
    tell(`${((performance.now() - start) / 1_000).toFixed(1)} s, ${changes} changes`);
    const images = (await shop.replicas.pods()).map((pod) => containerOf(pod).image);
    assert.ok(images.length === 3 && images.every((image) => !image.includes("earlier")), images.join(" "));
  }),
);

/** Every `caBundle` by which the API server knows Weir's webhooks. */
async function caBundles(): Promise<readonly string[]> {
  const { items } = await shop.cluster.get<{ items: readonly { webhooks: readonly { clientConfig: { caBundle?: string } }[] }[] }>([
    WEBHOOKS,
  ]);
  return items.flatMap(({ webhooks }) => webhooks.map(({ clientConfig }) => clientConfig.caBundle ?? ""));
}

const WEBHOOKS = "mutatingwebhookconfigurations,validatingwebhookconfigurations";
const KEPT = "the webhook configuration has the authorities that count";

/** How often each replica that runs wrote a webhook configuration. */
async function writes(): Promise<ReadonlyMap<string, number>> {
  const count = async ({ metadata: { name } }: { metadata: { name: string } }) =>
    [name, (await shop.cluster.kubectl(["logs", "-n", "weir-system", name, "-c", "weir"])).split(KEPT).length - 1] as const;
  return new Map(await Promise.all((await shop.replicas.pods()).map(count)));
}

test("whoever decides keeps the webhooks at Weir's authority, and nobody else does", needsNode, (t) =>
  shop.underWatch(t, async (tell) => {
    const { data } = await shop.cluster.get(["configmap", "weir-ca", "-n", "weir-system"]);
    const bundle = Buffer.from(data["ca.crt"]).toString("base64");
    for (let leaders = 0; leaders < 3; leaders++) {
      const leader = await shop.replicas.untilLed();
      await eventually("the bundle of before", async () => (await caBundles()).every((each) => each === bundle), 30_000, 100);
      const before = await writes();
      const lost = performance.now();
      for (const kind of WEBHOOKS.split(",")) {
        const { items } = await shop.cluster.get([kind]);
        const patch = items[0].webhooks.map((_: unknown, index: number) => ({
          op: "remove",
          path: `/webhooks/${index}/clientConfig/caBundle`,
        }));
        await shop.cluster.kubectl(["patch", kind, items[0].metadata.name, "--type=json", "-p", JSON.stringify(patch)]);
      }
      await eventually("the bundle again", async () => (await caBundles()).every((each) => each === bundle), 30_000, 50);
      tell(`the bundle was back ${(performance.now() - lost).toFixed(0)} ms after it was lost, by ${leader.metadata.name}`);
      const { name } = leader.metadata;
      const both = (before.get(name) ?? 0) + 2;
      // It says so once it has the API server's answer, and its words take a moment to the log.
      const after = await eventually("the leader's words", async () => {
        const all = await writes();
        return (all.get(name) ?? 0) >= both && all;
      });
      assert.deepEqual(
        [...after].filter(([each, count]) => count > (before.get(each) ?? 0)),
        [[name, both]],
      );
      const pod = JSON.stringify(appPod("asked", "shop"));
      assert.match(
        await shop.cluster.kubectl(["create", "--dry-run=server", "-o", "json", "-f", "-"], pod),
        /"weir.dev\/injected": "true"/,
      );
      await shop.cluster.kubectl(["delete", "pod", "-n", "weir-system", leader.metadata.name, "--wait=false"]);
      await eventually(
        "another to decide",
        async () => ![undefined, leader.metadata.uid].includes((await shop.replicas.leader())?.metadata.uid),
        40_000,
        200,
      );
      await shop.cluster.kubectl(["rollout", "status", "-n", "weir-system", "deployment/weir", "--timeout=120s"]);
    }
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
    shop.underWatch(t, async (tell) => {
      const leader = await shop.replicas.untilLed();
      const others = (await shop.replicas.pods()).filter(({ metadata }) => metadata.uid !== leader.metadata.uid);
      const letGo = await Promise.all(
        (await shop.proxies()).map((pod, index) => shop.lead(pod, index % 2 === 0 ? (others[0] ?? leader) : leader)),
      );
      const { mark, image } = await shop.push("good");
      const has = async () => new Set([...(await shop.replicas.marks())].flatMap(([proxy, each]) => (each === mark ? [proxy] : [])));
      await shop.replicas.patch({ image, rollout: { steps: [{ percent: 50, hold: "12s" }, { percent: 100 }] } });
      await eventually("the first wave", async () => (await has()).size === WAVE, 30_000, 100);
      const drop = ["dport", "sport"].map((end) => `add rule inet cut in tcp ${end} 18003 drop`);
      const { containerID } = containerOf(leader);
      await shop.nft(containerID, "add table inet cut", "add chain inet cut in { type filter hook input priority 0 ; }", ...drop);
      const cutAt = performance.now();
      let keptBefore = new Set<string>();
      // All that ever answered with it: one that does not answer for a moment has it still.
      const had = await has();
      let looks = 0;
      for (; performance.now() - cutAt < CUT_MS; looks++) {
        const next = sleep(250);
        const [kept, now] = [await shop.connectedTo(others), await has()];
        // What is recorded is read last: a proxy had it no earlier than the record.
        const { status } = (await shop.replicas.filter()) ?? {};
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
      await shop.nft(containerID, "delete table inet cut");
      await shop.everywhere(mark);
      tell(`${((performance.now() - healedAt) / 1_000).toFixed(1)} s from there until all had it and the status said so`);
      await Promise.all(letGo.map((end) => end()));
    }),
);

test("replicas are killed one after the other: nothing is unfiltered or fails, and all converge", needsNode, (t) =>
  shop.underWatch(t, async (tell) => {
    const until = performance.now() + KILL_SECONDS * 1_000;
    const isOver = () => performance.now() >= until;
    const before = await shop.visits.totals();
    const [kills, { changes, faulty }] = await Promise.all([killUntil(isOver), shop.change(isOver)]);
    const reached = Object.keys((await shop.visits.since(before)).values).length;
    tell(`${KILL_SECONDS} s: ${kills.leader} leaders and ${kills.other} others killed`);
    tell(`${changes} changes, ${faulty} of them faulty; ${reached} reached requests`);
    assert.ok(kills.leader > 0 && kills.other > 0 && faulty > 0);
  }),
);

async function killUntil(isOver: () => boolean): Promise<{ readonly leader: number; readonly other: number }> {
  const kills = { leader: 0, other: 0 };
  for (let turn = 0; !isOver(); turn++) {
    const next = sleep(KILL_EVERY_MS);
    const [leader, pods] = [await shop.replicas.leader(), await shop.replicas.pods()];
    const others = pods.filter(({ metadata }) => metadata.uid !== leader?.metadata.uid);
    const victim = turn % 2 === 0 && leader !== undefined ? leader : others[turn % others.length];
    if (victim !== undefined) await shop.kill(victim);
    kills[victim === leader ? "leader" : "other"] += 1;
    await next;
  }
  return kills;
}

/** A refusal takes a target back this long after it at the latest. Proxies of the leader that was killed have to connect to another one first. */
const BACK_MS = 30_000;

test("without the API server, and with the leader just killed, one refusal takes a target back everywhere", needsNode, async (t) => {
  // Nobody can write a status while the API server is away, and then until another decides.
  let isUnwritable = false;
  await shop.underWatch(
    t,
    async (tell) => {
      const stable = await shop.push("good");
      await shop.replicas.patch({ image: stable.image, rollout: { steps: [{ percent: 100 }] } });
      await shop.everywhere(stable.mark);
      const leader = await shop.replicas.untilLed();
      const [near] = (await shop.replicas.pods()).filter(({ metadata }) => metadata.uid !== leader.metadata.uid);
      const edge = (await shop.proxies()).find(({ metadata }) => metadata.name.startsWith("edge"));
      assert.ok(near !== undefined && edge !== undefined);
      // The one that will refuse it does not hear of it yet.
      const connect = await shop.cutOff(edge, near);
      const bad = await shop.push("refusesLateOnProxy");
      await shop.replicas.patch({ image: bad.image, rollout: { steps: [{ percent: 100, pause: true }] } });
      await shop.allAnswer(bad.mark, (pod) => pod !== edge.metadata.name);
      await shop.cluster.stopServer();
      isUnwritable = true;
      const letGo = await connect();
      // It thinks about its configuration for a second and a half, then refuses it.
      await shop.cluster.killContainer(containerOf(leader).containerID);
      const killedAt = performance.now();
      const isRefused = async () => {
        const seen = (await shop.replicas.proxiesOf(near))?.find(({ id }) => id === edge.metadata.name);
        return seen?.slots.some(({ filters }) => filters.some(({ state }) => state === "rejected"));
      };
      const refusedAt = await eventually(
        "the refusal",
        async () => ((await isRefused()) === true ? performance.now() : undefined),
        30_000,
        20,
      );
      await shop.allAnswer(stable.mark);
      const now = performance.now();
      tell(
        `${(now - refusedAt).toFixed(0)} ms from the first refusal to the last proxy back, ${(now - killedAt).toFixed(0)} ms after the leader was killed`,
      );
      assert.ok(now - refusedAt < BACK_MS);
      await letGo();
      await shop.cluster.restartServer();
      await shop.replicas.untilLed();
      isUnwritable = false;
      const isRecorded = async () =>
        (await shop.replicas.filter())?.status?.history?.some(({ digest, result }) => digest === bad.digest && result === "RolledBack");
      await eventually("the record to say so", isRecorded, 60_000, 200);
    },
    () => isUnwritable,
  );
});
