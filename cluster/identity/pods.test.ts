import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createFairTurns } from "../../base/fair-turns.ts";
import type { LivePod, VouchedPod } from "../../model/identity.ts";
import { silentLog } from "../../model/log.ts";
import type { Result } from "../../model/result.ts";
import { createFakeKube, failureOf } from "../testing/kube.ts";
import { createPods } from "./pods.ts";

const IP = "10.0.0.1";

/** A Pod object `shop/web-1`. */
function pod(
  version: number,
  changed: { uid?: string; labels?: Record<string, string>; ips?: string[]; phase?: string; hostNetwork?: boolean } = {},
) {
  const { uid = "u1", labels = { app: "web" }, ips = [IP], phase = "Running", hostNetwork = false } = changed;
  return {
    metadata: { name: "web-1", namespace: "shop", uid, resourceVersion: String(version), labels },
    spec: { hostNetwork },
    status: { phase, podIPs: ips.map((ip) => ({ ip })) },
  };
}

/** Pods that are watched: the watch begins with the first that is asked for, which is not there. */
async function start({ checksAddress = true } = {}) {
  const kube = createFakeKube();
  const timers: (() => void)[] = [];
  const after = (_ms: number, run: () => void) => {
    timers.push(run);
    return () => {};
  };
  const clock = { now: () => 0, after };
  const turns = createFairTurns({ places: 8, waiting: 10, waitingPerKey: 10 });
  const tells: VouchedPod[] = [];
  const isSo = (pod: VouchedPod) => void tells.push(pod);
  const gone: string[] = [];
  const isGone = (uid: string) => void gone.push(uid);
  const pods = createPods({ ...kube, turns, checksAddress, isSo, isGone, clock, log: silentLog, random: () => 0 });
  const absent = pods.find({ namespace: "shop", name: "absent", uid: "u", byToken: true }, IP);
  await kube.answer(failureOf(404));
  assert.equal((await absent).ok, false);
  const find = (uid = "u1", address = IP, byToken = true) => pods.find({ namespace: "shop", name: "web-1", uid, byToken }, address);
  /** Finds the pod, which is read. */
  const read = async (object = pod(10), uid?: string) => {
    const found = find(uid);
    await kube.answer(object);
    return found;
  };
  return { kube, find, read, timers, pods, tells, gone };
}

function must(found: Result<LivePod>): LivePod {
  assert(found.ok, found.ok ? "" : found.error.message);
  return found.value;
}

function told(pod: LivePod): string[] {
  const all: string[] = [];
  pod.onChange((what) => void all.push(what === "labels" ? Object.values(pod.labels).join() : what));
  return all;
}

const why = (found: Result<unknown>) => (found.ok ? "found" : `${found.error.retryable ? "later" : "no"}: ${found.error.message}`);

describe("the pod of a client", () => {
  test("is read once, and found at once as long as it is watched", async () => {
    const { kube, find, read } = await start();
    kube.list([]);
    const first = must(await read());
    assert.deepEqual(first.labels, { app: "web" });
    const again = find();
    assert(!(again instanceof Promise));
    assert.equal(must(again), first);
    assert.equal(kube.count(), 2, "the one that is absent, and this one");
    kube.trouble(failureOf(0));
    assert(find() instanceof Promise, "what is not watched is read");
  });

  test("tells of new labels, and of nothing else that changes; an event that is older than what was read changes nothing", async () => {
    const { kube, read } = await start();
    kube.list([]);
    const found = must(await read());
    const changes = told(found);
    kube.event("MODIFIED", pod(11));
    kube.event("MODIFIED", pod(9, { labels: { app: "old" } }));
    kube.event("MODIFIED", pod(100, { labels: { app: "pay" } }));
    kube.event("MODIFIED", pod(99, { labels: { app: "late" } }));
    assert.deepEqual(changes, ["pay"]);
  });

  test("is gone when it is deleted, and when another has its name: that one was read, or the watch says so and it is read", async () => {
    const { kube, read } = await start();
    kube.list([]);
    const first = told(must(await read()));
    kube.event("DELETED", pod(12));
    assert.deepEqual(first, ["gone"]);
    const second = told(must(await read(pod(20, { uid: "u2" }), "u2")));
    const third = must(await read(pod(30, { uid: "u3" }), "u3"));
    assert.deepEqual(second, ["gone"]);
    const changes = told(third);
    kube.event("DELETED", pod(29, { uid: "u2" }));
    assert.deepEqual(changes, [], "the end of an older one comes late");
    kube.event("ADDED", pod(40, { uid: "u4" }));
    await kube.answer(pod(40, { uid: "u4" }));
    assert.deepEqual(changes, ["gone"]);
  });

  test("that is older than the one of its name is refused, and takes nothing from it", async () => {
    const { kube, read } = await start();
    kube.list([]);
    const now = told(must(await read(pod(20, { uid: "u2" }), "u2")));
    assert.match(why(await read(pod(21, { uid: "u2" }), "u1")), /^no: .*shop\/web-1 that is gone: another one has its name now/);
    assert.deepEqual(now, []);
  });

  test("that changes while it is read is read again", async () => {
    const { kube, find } = await start();
    kube.list([]);
    const found = find();
    await new Promise(setImmediate);
    kube.event("DELETED", pod(11));
    await kube.answer(pod(10));
    await kube.answer(failureOf(404));
    assert.match(why(await found), /^no: .*shop\/web-1, which is gone/);
  });

  test("must have the address of its client, unless it shares its node's or has none yet; an address that changed is read", async () => {
    const { kube, find, read } = await start();
    kube.list([]);
    must(await read(pod(10, { ips: [IP, "fd00::1"] })));
    assert(!(find("u1", "fd00::1") instanceof Promise));
    const thief = find("u1", "10.0.0.66");
    await kube.answer(pod(10));
    assert.match(why(await thief), /^no: .*runs in the pod shop\/web-1, and 10.0.0.66 is not that pod's address; .*--any-pod-address/);
    assert.equal(why(await find("u1", "10.0.0.66", false)), "found", "a certificate's key cannot be copied from where it is used");
    const moved = find("u1", "10.0.0.2");
    await kube.answer(pod(11, { ips: ["10.0.0.2"] }));
    must(await moved);
    for (const changed of [{ ips: [] }, { hostNetwork: true }]) {
      const other = await start();
      other.kube.list([]);
      const found = other.find("u1", "10.0.0.66");
      await other.kube.answer(pod(10, changed));
      must(await found);
    }
    const open = await start({ checksAddress: false });
    open.kube.list([]);
    const found = open.find("u1", "10.0.0.66");
    await open.kube.answer(pod(10));
    must(await found);
  });

  test("that has ended, is absent, or may not be read is told in words", async () => {
    for (const [answer, words] of [
      [pod(10, { phase: "Failed" }), /^no: .*which has ended/],
      [failureOf(404), /^no: .*which is gone/],
      [failureOf(403), /^later: the server could not ask/],
      [failureOf(0), /^later: the server could not ask/],
    ] as const) {
      const { kube, find } = await start();
      const found = find();
      await kube.answer(answer);
      assert.match(why(await found), words);
    }
  });

  test("that is known is found while the API server is away", async () => {
    const { kube, find, read } = await start();
    kube.list([]);
    const known = must(await read());
    kube.trouble(failureOf(0));
    const again = find();
    await kube.answer(failureOf(0));
    assert.equal(must(await again), known);
    const thief = find("u1", "10.0.0.66");
    await kube.answer(failureOf(0));
    assert.match(why(await thief), /is not that pod's address/);
  });

  test("that another replica read is let in while the API server is away, as the watch had it last; else it is read", async () => {
    const { read, tells } = await start();
    must(await read(pod(10)));
    assert.deepEqual(tells, [{ namespace: "shop", name: "web-1", uid: "u1", version: "10", labels: { app: "web" }, addresses: [IP] }]);
    const here = await start();
    here.kube.list([]);
    here.pods.learn(tells);
    assert.deepEqual(here.pods.known(), tells);
    const whileThere = here.find("u2");
    await here.kube.answer(pod(10, { uid: "u2" }));
    assert.equal((await whileThere).ok, true, "the API server has the last word");
    assert.deepEqual(
      here.pods.known().map(({ uid }) => uid),
      ["u2"],
    );
    here.kube.event("DELETED", pod(10, { uid: "u2" }));
    assert.deepEqual(here.gone, ["u2"]);
    here.pods.learn(tells);
    here.kube.event("MODIFIED", pod(11, { labels: { app: "pay" } }));
    here.kube.trouble(failureOf(0));
    const [found, stranger, thief] = [here.find(), here.find("u2"), here.find("u1", "10.0.0.66")];
    await here.kube.answer(failureOf(0));
    assert.deepEqual(must(await found).labels, { app: "pay" });
    assert.match(why(await stranger), /^later: /);
    assert.match(why(await thief), /is not that pod's address/);
    const [known] = here.pods.known();
    assert.equal(known?.version, "11");
  });

  test("that another replica read is forgotten when the watch says that it is gone, and does not take the place of a later one", async () => {
    const { kube, pods, find, read } = await start();
    kube.list([]);
    const told = { namespace: "shop", name: "web-1", uid: "u1", version: "10", labels: {}, addresses: "shared" as const };
    pods.learn([told]);
    kube.event("DELETED", pod(12));
    assert.deepEqual(pods.known(), []);
    must(await read(pod(20, { uid: "u2" }), "u2"));
    pods.learn([told]);
    kube.trouble(failureOf(0));
    const earlier = find("u1");
    await kube.answer(failureOf(0));
    assert.match(why(await earlier), /^later: /);
    pods.learn([{ ...told, uid: "u3", version: "30" }]);
    const later = find("u3", "10.0.0.9");
    await kube.answer(failureOf(0));
    assert.equal(must(await later).labels.app, undefined);
  });

  test("is not taken from another replica once the watch said that it is gone, nor kept where the API server or a list does not have it", async () => {
    const { kube, pods, find, gone } = await start();
    kube.list([]);
    const told = { namespace: "shop", name: "web-1", uid: "u1", version: "10", labels: {}, addresses: "shared" as const };
    kube.event("DELETED", pod(12));
    pods.learn([told]);
    assert.deepEqual([pods.known(), gone, pods.isGone("u1")], [[], ["u1"], true]);
    const other = { ...told, uid: "u5" };
    pods.learn([other]);
    const found = find("u5");
    await kube.answer(failureOf(404));
    assert.match(why(await found), /^no: /);
    assert.deepEqual(pods.known(), []);
    pods.learn([other]);
    kube.list([pod(20, { uid: "u6" })]);
    assert.deepEqual(pods.known(), []);
  });

  test("that is known is let in at once after one read had no answer: who comes then waits for none", async () => {
    const { kube, pods, find } = await start();
    kube.list([]);
    pods.learn([{ namespace: "shop", name: "web-1", uid: "u1", version: "10", labels: { app: "web" }, addresses: [IP] }]);
    kube.trouble(failureOf(0));
    const first = find();
    await kube.answer(failureOf(0));
    assert.equal((await first).ok, true);
    const asked = kube.count();
    for (let index = 0; index < 100; index++) {
      const again = find();
      assert(!(again instanceof Promise) && again.ok);
    }
    await new Promise(setImmediate);
    assert.equal(kube.count(), asked + 1, "one read asks whether it is back");
    await kube.answer(pod(10));
    const then = find();
    assert(then instanceof Promise, "it is back: what is not watched is read");
    await kube.answer(pod(10));
    assert.equal((await then).ok, true);
  });

  test("that another replica read is not let in where too many are asked about", async () => {
    const { kube, pods, find } = await start();
    kube.list([]);
    const flood = Array.from({ length: 18 }, (_, index) =>
      pods.find({ namespace: "shop", name: `x-${index}`, uid: "u", byToken: true }, IP),
    );
    pods.learn([{ namespace: "shop", name: "web-1", uid: "u1", version: "10", labels: {}, addresses: [IP] }]);
    assert.match(why(await find()), /^later: too many clients wait/);
    for (const _ of flood) await kube.answer(failureOf(404));
    await Promise.all(flood);
  });

  test("tells its labels again when they change", async () => {
    const { kube, read, tells } = await start();
    kube.list([]);
    must(await read());
    kube.event("MODIFIED", pod(11));
    kube.event("MODIFIED", pod(12, { labels: { app: "pay" } }));
    assert.deepEqual(
      tells.map(({ version, labels }) => [version, labels.app]),
      [
        ["10", "web"],
        ["12", "pay"],
      ],
    );
  });

  test("is not told of where its labels are larger than anybody's", async () => {
    const { kube, read, tells } = await start();
    kube.list([]);
    const labels = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`l${index}`, "x".repeat(60)]));
    must(await read(pod(10, { labels })));
    assert.deepEqual(tells, []);
  });

  test("has 256 labels at most, whatever its object has", async () => {
    const { kube, read } = await start();
    kube.list([]);
    const labels = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`l${index}`, "x"]));
    assert.equal(Object.keys(must(await read(pod(10, { labels }))).labels).length, 256);
  });

  test("that a new list lacks is read before it counts as gone, until that is known; one of other labels has them", async () => {
    const { kube, read, timers } = await start();
    kube.list([]);
    const changes = told(must(await read()));
    kube.list([pod(50, { labels: { app: "pay" } })]);
    assert.deepEqual(changes, ["pay"]);
    kube.list([]);
    await kube.answer(pod(50, { labels: { app: "pay" } }));
    assert.deepEqual(changes, ["pay"], "it is younger than the list");
    kube.list([]);
    await kube.answer(failureOf(500));
    timers.pop()?.();
    await kube.answer(failureOf(404));
    assert.deepEqual(changes, ["pay", "gone"]);
  });
});
