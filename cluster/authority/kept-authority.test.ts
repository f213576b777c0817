import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "../../model/clock.ts";
import type { ApiRequest, Fields, KubeApi, KubeObject, ReflectorOptions } from "../../model/kube.ts";
import { silentLog } from "../../model/log.ts";
import { ok } from "../../model/result.ts";
import type { Authority } from "./authority.ts";
import { openKeptAuthority } from "./kept-authority.ts";
import { endOf } from "./rotation.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const START = Date.parse("2026-01-02T00:00:00Z");

/** An API server with room for one Secret, which tells each change to whoever follows. */
function createFakeCluster() {
  let stored: (KubeObject & { data: Record<string, string> }) | undefined;
  let version = 0;
  const followers = new Set<ReflectorOptions>();
  const events: string[] = [];
  const refuse = (status: number) =>
    ({ ok: false, error: { status, reason: "Refused", message: String(status), retryable: status === 409 } }) as const;
  const drop = (record: Fields) => Object.fromEntries(Object.entries(record).filter(([, value]) => value !== null));
  const store = (metadata: Fields, data: Fields, type: "ADDED" | "MODIFIED") => {
    version += 1;
    stored = {
      metadata: { ...metadata, name: "weir-authority", uid: "u", resourceVersion: String(version) },
      data: drop(data) as Record<string, string>,
    };
    for (const follower of followers) follower.onEvent(type, stored);
    return ok(stored);
  };
  const api: KubeApi = {
    server: "fake",
    watch: async () => assert.fail("followed instead"),
    async request({ method = "GET", path, body }: ApiRequest) {
      if (path.endsWith("/events")) {
        const { involvedObject, reason, message } = body as { involvedObject: Fields; reason: string; message: string };
        events.push(`${involvedObject.kind} ${involvedObject.uid} ${reason}: ${message}`);
        return ok({});
      }
      const { metadata = {}, data = {} } = (body ?? {}) as { metadata?: Fields; data?: Fields };
      if (method === "POST") return stored === undefined ? store(metadata, data, "ADDED") : refuse(409);
      if (stored === undefined) return refuse(404);
      if (method === "GET") return ok(stored);
      if (metadata.resourceVersion !== stored.metadata.resourceVersion) return refuse(409);
      const annotations = drop({ ...(stored.metadata.annotations as Fields), ...(metadata.annotations as Fields) });
      return store({ ...stored.metadata, annotations }, { ...stored.data, ...data }, "MODIFIED");
    },
  };
  return {
    api,
    events,
    follow(options: ReflectorOptions) {
      followers.add(options);
      options.onList(stored === undefined ? [] : [stored]);
      return { listed: Promise.resolve(), stop: async () => void followers.delete(options) };
    },
  };
}

/** Time that is set by hand; what was due in between is run in its order. */
function createFakeTime() {
  const due = new Map<object, { at: number; run: () => void }>();
  let now = START;
  const clock: Clock = {
    now: () => now,
    after(ms, run) {
      const key = {};
      due.set(key, { at: now + ms, run });
      return () => due.delete(key);
    },
  };
  const settle = async () => {
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  return {
    clock,
    settle,
    async pass(ms: number) {
      now += ms;
      for (const [key, { at, run }] of [...due]) {
        if (at > now) continue;
        due.delete(key);
        run();
      }
      await settle();
    },
  };
}

test("two that follow one Secret for three years always agree, and what one signs is trusted by who looked a week before", async () => {
  const cluster = createFakeCluster();
  const { api, follow } = cluster;
  const { clock, pass, settle } = createFakeTime();
  const lines: string[] = [];
  const note = (message: string, facts = {}) => void lines.push(`${message} ${JSON.stringify(facts)}`);
  const log = { ...silentLog, info: note, warn: note, error: note };
  const open = async (): Promise<Authority> => {
    const opened = await openKeptAuthority({ api, follow, namespace: "weir-system", clock, log, before: async () => ok(undefined) });
    assert.ok(opened.ok);
    return opened.value;
  };
  const both = [await open(), await open()];
  const ends = both.map((authority) => authority.start());
  await settle();
  const bundles: string[] = [];
  const signers = new Set<string>();
  for (let day = 0; day < 3 * 365; day += 1) {
    await pass(DAY);
    const [one, other] = both;
    assert.ok(one !== undefined && other !== undefined);
    assert.equal(one.current(), other.current());
    const signing = one.signing().cert;
    assert.equal(signing, other.signing().cert);
    assert.ok(endOf(signing) > clock.now() + 50 * DAY);
    bundles.push(one.current());
    assert.ok((bundles.at(-7) ?? signing).includes(signing.trim()), `day ${day}`);
    signers.add(signing);
  }
  await Promise.all(ends.map((end) => end()));
  assert.equal(signers.size, 4);
  const steps = lines.filter((line) => line.startsWith("a step of the authority's rotation"));
  assert.deepEqual(
    Object.entries(Object.groupBy(steps, (line) => /"step":"(\w+)"/.exec(line)?.[1] ?? "")).map(([step, all]) => [step, all?.length]),
    [
      ["announce", 3],
      ["change", 3],
      ["drop", 3],
    ],
  );
  assert.equal(cluster.events.length, 9);
  for (const event of cluster.events)
    assert.match(event, /^Secret u AuthorityRotation: a step of the authority's rotation: (announce|change|drop); ends 2\d{3}-/);
  assert.ok(![...lines, ...cluster.events].join().includes("PRIVATE"));
});
