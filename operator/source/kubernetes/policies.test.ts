import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { systemClock } from "../../../model/clock.ts";
import type { ApiFailure, ApiRequest, Fields, KubeApi, WatchEvent } from "../../../model/kube.ts";
import { silentLog } from "../../../model/log.ts";
import { ok, type Result } from "../../../model/result.ts";
import { startPolicyWatch } from "./policies.ts";

const POLICIES = "/apis/weir.dev/v1alpha1/wasmpolicies";
const NAMESPACES = "/api/v1/namespaces";
const object = (name: string, generation: number, more: object = {}) => ({
  metadata: { name, uid: `uid-${name}`, resourceVersion: "1", generation, ...more },
  spec: { urls: "Deny" },
});
const page = (...items: readonly object[]) => ok<Fields>({ apiVersion: "v1", kind: "List", metadata: { resourceVersion: "1" }, items });
const refused = (status: number): Result<never, ApiFailure> => ({
  ok: false,
  error: { status, reason: "Reason", message: `refused ${status}`, retryable: false },
});

/** A watch before an API that answers by path. */
async function bench(t: TestContext, answers: Record<string, Result<Fields, ApiFailure>>, isOfOneNamespace = false) {
  const asked: string[] = [];
  const tell = new Map<string, (event: WatchEvent) => void>();
  const api: KubeApi = {
    server: "https://test",
    async request({ path, method = "GET" }: ApiRequest) {
      asked.push(`${method} ${path}`);
      return answers[path] ?? refused(404);
    },
    async watch({ path, signal }, onEvent) {
      tell.set(path, onEvent);
      await new Promise<void>((resolve) => signal?.addEventListener("abort", () => resolve()));
      return ok(undefined);
    },
  };
  let changes = 0;
  const shared = { api, clock: systemClock, log: silentLog, random: () => 0, isOfOneNamespace };
  const watch = startPolicyWatch({ ...shared, onChange: () => void changes++ });
  t.after(() => watch.stop());
  await watch.answered;
  for (let turn = 0; turn < 5; turn++) await setImmediate();
  const send = (path: string, type: WatchEvent["type"], object: object) => tell.get(path)?.({ type, object: object as Fields });
  return { watch, asked, send, changes: () => changes, names: () => [...(watch.snapshot().objects?.keys() ?? ["unknown"])] };
}

test("a cluster without policies has no namespace read", async (t) => {
  const { asked, names } = await bench(t, { [POLICIES]: page() });
  assert.deepEqual([names(), asked], [[], [`GET ${POLICIES}`]]);
});

test("a kind that the cluster does not have is known: there are none, whether that is told or not", async (t) => {
  assert.deepEqual((await bench(t, { [POLICIES]: refused(404) })).names(), []);
  const other = { "/apis/weir.dev/v1alpha1": ok<Fields>({ resources: [{ kind: "WasmFilter" }] }) };
  assert.deepEqual((await bench(t, { [POLICIES]: refused(403), ...other })).names(), []);
});

test("a right that lacks for a kind that is there is not, but for a server of one namespace", async (t) => {
  const answers = { [POLICIES]: refused(403), "/apis/weir.dev/v1alpha1": ok<Fields>({ resources: [{ kind: "WasmPolicy" }] }) };
  const { watch } = await bench(t, answers);
  assert.equal(watch.snapshot().problem, "the WasmPolicies cannot be read: refused 403; grant Weir its ClusterRole");
  assert.deepEqual((await bench(t, answers, true)).names(), []);
});

test("an API server that does not answer is not known", async (t) => {
  const { watch, names } = await bench(t, { [POLICIES]: refused(500) });
  assert.deepEqual([names(), watch.snapshot().problem], [["unknown"], "the WasmPolicies cannot be read: refused 500"]);
});

test("policies and labels are followed; a status that is written, and an annotation, are no change", async (t) => {
  const shop = (labels: object, more: object = {}) => ({ metadata: { name: "shop", uid: "u", resourceVersion: "1", labels, ...more } });
  const { watch, send, changes, names } = await bench(t, { [POLICIES]: page(object("a", 1)), [NAMESPACES]: page(shop({ team: "a" })) });
  assert.deepEqual([names(), watch.snapshot().labels("shop"), watch.snapshot().labels("new")], [["a"], { team: "a" }, undefined]);
  const before = changes();
  send(POLICIES, "MODIFIED", { ...object("a", 1), status: { filters: 3 } });
  send(NAMESPACES, "MODIFIED", shop({ team: "a" }, { annotations: { a: "b" } }));
  assert.equal(changes(), before);
  const first = watch.snapshot();
  send(POLICIES, "MODIFIED", object("a", 2));
  send(NAMESPACES, "MODIFIED", shop({ team: "b" }));
  assert.notEqual(watch.snapshot(), first);
  assert.deepEqual([changes(), watch.snapshot().labels("shop")], [before + 2, { team: "b" }]);
  send(POLICIES, "DELETED", object("a", 2));
  assert.deepEqual(names(), []);
});
