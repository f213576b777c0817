import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { after, before, describe, test } from "node:test";
import { KubeConfig } from "@kubernetes/client-node";
import { systemClock } from "../model/clock.ts";
import type { Digest } from "../model/digest.ts";
import type { WasmFilter } from "../model/gen/wasmfilter.ts";
import type { Revision } from "../model/revision.ts";
import { DEFAULT_SETTINGS } from "../model/settings.ts";
import { createKubeApi } from "../operator/source/kubernetes/api.ts";
import { createKubernetesSource } from "../operator/source/kubernetes/source.ts";
import { writeStatus } from "../operator/source/kubernetes/status.ts";
import type { Source } from "../operator/source/source.ts";
import { createProblemLog } from "../operator/testing/problem-log.ts";
import { type Cluster, kubectl, rightCounts, startCluster } from "./support/cluster.ts";
import { eventually } from "./support/process.ts";
import { startTcpProxy } from "./support/tcp-proxy.ts";

const OPERATOR = "operator";
/** May see WasmFilters, but no Secrets. */
const POOR = "poor";
const DIGEST: Digest = `sha256:${"ab".repeat(32)}`;

let cluster: Cluster;
const open = new Set<Source>();

before(async () => {
  cluster = await startCluster({ users: [OPERATOR, POOR] });
  await kube(["apply", "-f", "crds/", "-f", "docs/rbac.yaml"]);
  await kube(["create", "clusterrolebinding", "weir", "--clusterrole", "weir", "--user", OPERATOR]);
  await kube(["wait", "--for=condition=Established", "crd/wasmfilters.weir.dev", "--timeout=30s"]);
});

after(async () => {
  await Promise.all([...open].map((source) => source.stop()));
  await cluster?.stop();
});

function kube(args: readonly string[], input?: string): Promise<string> {
  return kubectl(args, { ...cluster, input });
}

/** A namespace of its own for a test. */
async function namespace(name: string): Promise<string> {
  await kube(["create", "namespace", name]);
  return name;
}

async function config(user?: string, port?: number): Promise<KubeConfig> {
  const kubeConfig = new KubeConfig();
  const text = await readFile(user === undefined ? cluster.kubeconfig : await cluster.kubeconfigFor(user), "utf8");
  kubeConfig.loadFromString(port === undefined ? text : text.replace(/https:\/\/127\.0\.0\.1:\d+/, `https://127.0.0.1:${port}`));
  return kubeConfig;
}

interface Watched {
  readonly source: Source;
  /** Ids told as changed since the last look. */
  told(): string[];
  /** What the log says is wrong now. */
  readonly problems: ReadonlyMap<string, string>;
}

/** A source as the operator runs it, with the rights of docs/rbac.yaml and no more. */
async function watch(space: string, options: { user?: string; port?: number; timeoutMs?: number } = {}): Promise<Watched> {
  const { user = OPERATOR, port, timeoutMs = 5_000 } = options;
  const log = createProblemLog();
  const source = createKubernetesSource({
    kubeConfig: await config(user, port),
    log,
    clock: systemClock,
    namespace: space,
    timeoutMs,
  });
  open.add(source);
  let told: string[] = [];
  source.onChange(({ filters, references }) => told.push(...filters, ...references));
  await source.start();
  return {
    source,
    problems: log.problems,
    told() {
      const seen = told;
      told = [];
      return seen;
    },
  };
}

const FILTER = { apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter" };

const manifest = (space: string, name: string, image = "a/b:1") => `apiVersion: weir.dev/v1alpha1
kind: WasmFilter
metadata: {name: ${name}, namespace: ${space}}
spec: {image: "${image}"}
`;

const apply = (space: string, name: string, image?: string) => kube(["apply", "-f", "-"], manifest(space, name, image));
const image = (source: Source, id: string) => source.filters().get(id)?.spec.image;

async function fetched(space: string, name: string): Promise<WasmFilter> {
  return JSON.parse(await kube(["get", "wf", name, "-n", space, "-o", "json"])) as WasmFilter;
}

const revision = (number: number, more: Partial<Revision> = {}): Revision => ({
  number,
  image: "a/b:1",
  digest: DIGEST,
  wasmDigest: DIGEST,
  settings: {
    ...DEFAULT_SETTINGS,
    config: "text",
    env: [{ name: "A", value: "b" }],
  },
  capabilities: ["proxy_log"],
  hash: `hash-${number}`,
  time: "2026-01-01T00:00:00Z",
  ...more,
});

describe("WasmFilters", () => {
  test("large objects are listed in small pages, and the event loop goes on meanwhile", async (t) => {
    const space = await namespace("large");
    const text = "x".repeat(1_000_000);
    for (let index = 0; index < 24; index++) {
      const object = { ...FILTER, metadata: { name: `f${index}`, namespace: space }, spec: { image: "a/b:1", config: text } };
      await kube(["create", "-f", "-"], JSON.stringify(object));
    }
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    const { source } = await watch(space);
    delay.disable();
    assert.equal(source.filters().size, 24);
    assert.ok([...source.filters().values()].every(({ spec }) => spec.config === text));
    t.diagnostic(`24 objects of 1 MB: the event loop stood still for ${Math.round(delay.max / 1e6)} ms at most`);
  });

  test("knows what wrote a spec last, and shows nobody the fields of each manager", async () => {
    const space = await namespace("managers");
    await apply(space, "a");
    const { source } = await watch(space);
    const id = `${space}/a`;
    assert.equal(source.managerOf?.(id), "kubectl-client-side-apply");
    await kube(["label", "wf", "a", "-n", space, "--field-manager=labeler", "kind=edge"]);
    await kube(["patch", "wf", "a", "-n", space, "--field-manager=by-hand", "--type=merge", "-p", '{"spec":{"priority":3}}']);
    await eventually("the manager of the patch", async () => source.managerOf?.(id) === "by-hand");
    assert.equal("managedFields" in (source.filters().get(id)?.metadata ?? {}), false);
    await kube(["delete", "wf", "a", "-n", space]);
    await eventually("its end", async () => source.managerOf?.(id) === undefined);
  });

  test("lists, follows what is made, changed and removed, and tells which filters it was", async () => {
    const space = await namespace("follow");
    await apply(space, "a");
    const { source, told, problems } = await watch(space);
    assert.deepEqual([...source.filters().keys()], ["follow/a"]);
    await eventually("being told of the list", () => told().includes("follow/a"));
    await apply(space, "a", "a/b:2");
    await eventually("the change", () => image(source, "follow/a") === "a/b:2");
    assert.equal(source.filters().get("follow/a")?.metadata.generation, 2);
    await eventually("being told of it", () => told().includes("follow/a"));
    await apply(space, "b");
    await eventually("the new filter", () => source.filters().has("follow/b"));
    await kube(["delete", "wf", "a", "-n", space]);
    await eventually("the removal", () => !source.filters().has("follow/a"));
    assert.equal(problems.size, 0);
  });

  test("writes the status once, skips what is there, and does not tell of its own writes", async () => {
    const space = await namespace("status");
    await apply(space, "a");
    const { source, told } = await watch(space);
    await eventually("being told of the list", () => told().length > 0);
    const key = { namespace: space, name: "a" };
    const uid = source.filters().get("status/a")?.metadata.uid ?? "";
    const status = {
      observedGeneration: 1,
      revision: 1,
      summary: { digest: "abababababab", proxies: "1/2" },
      proxies: { matched: 2, updated: 1, rejected: 0, pending: 1 },
    };
    assert.deepEqual(await source.writeStatus(key, uid, status), { ok: true, value: undefined });
    const first = await fetched(space, "a");
    assert.deepEqual(first.status, status);
    assert.equal(first.metadata.generation, 1);
    assert.deepEqual(source.filters().get("status/a")?.status, status);
    assert.ok((await source.writeStatus(key, uid, { ...status })).ok);
    assert.equal((await fetched(space, "a")).metadata.resourceVersion, first.metadata.resourceVersion);
    // A later change that is told proves that the echo of the status was not.
    await apply(space, "b");
    await eventually("the other filter", () => source.filters().has("status/b"));
    const seen: string[] = [];
    await eventually("being told of it", () => seen.push(...told()) > 0 && seen.includes("status/b"));
    assert.ok(!seen.includes("status/a"));
    await kube(["patch", "wf", "a", "-n", space, "--subresource=status", "--type=merge", "-p", '{"status":{"revision":99}}']);
    await eventually("being told that somebody else wrote the status", () => told().includes("status/a"));
    assert.ok((await source.writeStatus(key, uid, status)).ok);
    assert.deepEqual((await fetched(space, "a")).status, status);
  });

  test("a conflict is tried again on the newest object, unless its spec changed or it is another one", async () => {
    const space = await namespace("conflict");
    await apply(space, "a");
    const api = createKubeApi({ kubeConfig: await config(OPERATOR) });
    const key = { namespace: space, name: "a" };
    const path = `/apis/weir.dev/v1alpha1/namespaces/${space}/wasmfilters/a`;
    const stale = await fetched(space, "a");
    const uid = stale.metadata.uid ?? "";
    const write = (revision: number) => writeStatus({ api, path, key, uid, known: stale, status: { revision } });
    await kube(["annotate", "wf", "a", "-n", space, "x=y"]);
    assert.ok((await write(1)).ok);
    const now = await fetched(space, "a");
    assert.deepEqual([now.status?.revision, now.metadata.annotations?.x], [1, "y"]);

    await apply(space, "a", "a/b:2");
    const outdated = await write(2);
    assert.ok(!outdated.ok && outdated.error.reason === "ObjectChanged" && outdated.error.retryable);
    assert.equal((await fetched(space, "a")).status?.revision, 1);

    await kube(["delete", "wf", "a", "-n", space]);
    const gone = await write(3);
    assert.ok(!gone.ok && gone.error.reason === "ObjectGone" && !gone.error.retryable);
    await apply(space, "a");
    const replaced = await write(3);
    assert.ok(!replaced.ok && replaced.error.reason === "ObjectGone");
    assert.deepEqual((await fetched(space, "a")).status, { observedGeneration: -1 });
  });

  test("an object made again under its name is another one", async () => {
    const space = await namespace("again");
    await apply(space, "a");
    const { source, told } = await watch(space);
    const uid = source.filters().get("again/a")?.metadata.uid ?? "";
    await source.saveRevision({ namespace: space, name: "a" }, uid, revision(1));
    await kube(["replace", "--force", "-f", "-"], manifest(space, "a"));
    await eventually("the new object", () => source.filters().has("again/a") && source.filters().get("again/a")?.metadata.uid !== uid);
    await eventually("being told", () => told().includes("again/a"));
    const late = await source.writeStatus({ namespace: space, name: "a" }, uid, { revision: 1 });
    assert.ok(!late.ok && late.error.reason === "ObjectGone");
    const fresh = source.filters().get("again/a")?.metadata.uid ?? "";
    assert.deepEqual(await source.revisions({ namespace: space, name: "a" }, fresh), { ok: true, value: [] });
  });
});

describe("a connection that breaks", () => {
  test("a broken connection loses nothing: what happened in the gap is there afterwards, deletions too", async (t) => {
    const space = await namespace("gap");
    await apply(space, "stays");
    await apply(space, "goes");
    const proxy = await startTcpProxy(Number(new URL(cluster.server).port));
    t.after(proxy.stop);
    const { source, problems } = await watch(space, { port: proxy.port });
    await proxy.cut();
    // First, the connection that was cut may be what is told.
    await eventually("the problem", () => /cannot be reached: ECONNREFUSED/.test([...problems.values()][0] ?? ""));
    await kube(["delete", "wf", "goes", "-n", space]);
    await apply(space, "comes");
    await apply(space, "stays", "a/b:2");
    assert.deepEqual([...source.filters().keys()].sort(), ["gap/goes", "gap/stays"]);
    await proxy.mend();
    await eventually("the new state", () => source.filters().has("gap/comes"));
    assert.deepEqual([...source.filters().keys()].sort(), ["gap/comes", "gap/stays"]);
    assert.equal(image(source, "gap/stays"), "a/b:2");
    // Filters and policies are watched each by itself.
    await eventually("the end of each problem", () => problems.size === 0);
    await apply(space, "comes", "a/b:3");
    await eventually("the watch's return", () => image(source, "gap/comes") === "a/b:3");
    await source.stop();
  });

  test("an API server that hangs is given up on in time, and taken up again when it answers", async (t) => {
    const space = await namespace("hang");
    await apply(space, "a");
    const proxy = await startTcpProxy(Number(new URL(cluster.server).port));
    t.after(proxy.stop);
    const { source } = await watch(space, { port: proxy.port, timeoutMs: 500 });
    const uid = source.filters().get("hang/a")?.metadata.uid ?? "";
    proxy.freeze();
    const failed = await source.writeStatus({ namespace: space, name: "a" }, uid, { revision: 1 });
    assert.ok(!failed.ok && failed.error.retryable && failed.error.reason === "ApiServerUnreachable");
    assert.match(failed.error.message, /no answer within 0\.5 s/);
    await proxy.mend();
    await eventually("a write", async () => (await source.writeStatus({ namespace: space, name: "a" }, uid, { revision: 1 })).ok);
    await apply(space, "a", "a/b:2");
    await eventually("the watch's return", () => image(source, "hang/a") === "a/b:2");
    await source.stop();
  });

  test("a watch that goes silent, as when a connection is lost without a word, is given up", async (t) => {
    const proxy = await startTcpProxy(Number(new URL(cluster.server).port));
    t.after(proxy.stop);
    const api = createKubeApi({ kubeConfig: await config(OPERATOR, proxy.port), idleMs: 500 });
    const path = "/apis/weir.dev/v1alpha1/wasmfilters";
    const found = await api.request({ path });
    assert.ok(found.ok);
    const { resourceVersion } = found.value.metadata as { resourceVersion: string };
    const watching = api.watch({ path, query: { watch: "true", resourceVersion } }, () => {});
    proxy.freeze();
    const watched = await watching;
    assert.ok(!watched.ok && watched.error.retryable);
    assert.match(watched.error.message, /the watch went silent/);
  });

  test("a version that is too old to watch from is told as 410, by the real API server", async () => {
    const api = createKubeApi({ kubeConfig: await config(OPERATOR) });
    const watched = await api.watch(
      { path: "/apis/weir.dev/v1alpha1/wasmfilters", query: { watch: "true", resourceVersion: "1" } },
      () => {},
    );
    assert.ok(!watched.ok);
    assert.equal(watched.error.status, 410);
  });

  test("the API server killed and started again: everything stays, and what comes later is seen", async () => {
    const space = await namespace("killed");
    await apply(space, "a");
    const { source, problems } = await watch(space);
    const uid = source.filters().get("killed/a")?.metadata.uid;
    let troubled = false;
    const restarted = cluster.restartServer();
    await eventually("the problem", () => {
      troubled ||= problems.size > 0;
      return troubled;
    });
    assert.equal(source.filters().get("killed/a")?.metadata.uid, uid);
    await restarted;
    await apply(space, "a", "a/b:2");
    await eventually("the change", () => image(source, "killed/a") === "a/b:2", 40_000);
    await eventually("the end of each problem", () => problems.size === 0, 40_000);
  });
});

describe("Secrets, ConfigMaps and rights", () => {
  test("reads Secrets and ConfigMaps by name, tells when they come, change and go, and says what is missing", async () => {
    const space = await namespace("refs");
    const { source, told } = await watch(space);
    const missing = await source.secret(space, "s");
    assert.deepEqual(missing, {
      ok: false,
      error: { reason: "SecretNotFound", message: "Secret refs/s does not exist; create it", retryable: false },
    });
    const noMap = await source.configMap(space, "c");
    assert.ok(!noMap.ok && noMap.error.reason === "ConfigMapNotFound");
    await kube(["create", "secret", "generic", "s", "-n", space, "--from-literal=k=one"]);
    await kube(["create", "secret", "generic", "other", "-n", space, "--from-literal=k=one"]);
    await kube(["create", "configmap", "c", "-n", space, "--from-literal=k=text"]);
    const seen = new Set<string>();
    const tells = (id: string) =>
      eventually(`being told of ${id}`, () => {
        for (const other of told()) seen.add(other);
        return seen.delete(id);
      });
    await tells("secret/refs/s");
    await tells("configmap/refs/c");
    const value = async () => {
      const data = await source.secret(space, "s");
      return data.ok ? data.value.data.get("k")?.toString() : data.error.reason;
    };
    assert.equal(await value(), "one");
    const map = await source.configMap(space, "c");
    assert.ok(map.ok && map.value.data.get("k")?.toString() === "text");
    await kube(["patch", "secret", "s", "-n", space, "-p", '{"stringData":{"k":"two"}}']);
    await tells("secret/refs/s");
    assert.equal(await value(), "two");
    await kube(["delete", "secret", "s", "-n", space]);
    await tells("secret/refs/s");
    assert.equal(await value(), "SecretNotFound");
    assert.ok(!seen.has("secret/refs/other"));
  });

  test("a Secret that may not be read says so, and is told of once the right is granted", async () => {
    const space = await namespace("forbidden");
    await kube(["create", "secret", "generic", "s", "-n", space, "--from-literal=k=one"]);
    await kube(["create", "role", "filters", "-n", space, "--verb=get,list,watch", "--resource=wasmfilters.weir.dev"]);
    await kube(["create", "rolebinding", "filters", "-n", space, "--role=filters", `--user=${POOR}`]);
    await rightCounts(cluster, POOR, "list", "wasmfilters.weir.dev", "-n", space);
    const { source, told } = await watch(space, { user: POOR });
    const refused = await source.secret(space, "s");
    assert.ok(!refused.ok && refused.error.reason === "SecretForbidden");
    assert.match(refused.error.message, /Secret forbidden\/s may not be read: .*User "poor" cannot list resource "secrets"/);
    // By its name alone: the right to one Secret is enough.
    await kube(["create", "role", "one", "-n", space, "--verb=list,watch", "--resource=secrets", "--resource-name=s"]);
    await kube(["create", "rolebinding", "one", "-n", space, "--role=one", `--user=${POOR}`]);
    await eventually("being told", () => told().includes("secret/forbidden/s"));
    const data = await source.secret(space, "s");
    assert.ok(data.ok && data.value.data.get("k")?.toString() === "one");
  });

  test("without the CRD or the rights the problem says what to do, and the start goes on once it is done", async () => {
    const space = await namespace("rights");
    await apply(space, "a");
    const log = createProblemLog();
    const { problems } = log;
    const source = createKubernetesSource({ kubeConfig: await config(POOR), log, clock: systemClock, namespace: space });
    open.add(source);
    const started = source.start();
    await eventually("the problem", () => problems.size > 0);
    assert.match(
      [...problems.values()][0] ?? "",
      /wasmfilters.weir.dev is forbidden: User "poor" cannot list.*; grant the operator its ClusterRole$/,
    );
    await kube(["create", "rolebinding", "weir", "-n", space, "--clusterrole=weir", `--user=${POOR}`]);
    await started;
    assert.ok(source.filters().has("rights/a"));
    assert.equal(problems.size, 0);
  });
});

describe("revisions and Events", () => {
  test("keeps revisions as ControllerRevisions that the filter owns, without the text of a Secret", async () => {
    const space = await namespace("revisions");
    await apply(space, "a");
    const { source } = await watch(space);
    const key = { namespace: space, name: "a" };
    const uid = source.filters().get("revisions/a")?.metadata.uid ?? "";
    const settings = { ...revision(2).settings, config: "hunter2" };
    for (const saved of [revision(10), revision(1), revision(2, { settings, secretConfig: { name: "s", key: "k" } }), revision(1)]) {
      assert.deepEqual(await source.saveRevision(key, uid, saved), { ok: true, value: undefined });
    }
    const bare = revision(2, { settings: { ...settings, config: "" }, secretConfig: { name: "s", key: "k" } });
    assert.deepEqual(await source.revisions(key, uid), { ok: true, value: [revision(1), bare, revision(10)] });
    const kept = JSON.parse(await kube(["get", "controllerrevisions", "-n", space, "-o", "json"])) as {
      items: Record<string, Record<string, unknown>>[];
    };
    assert.equal(kept.items.length, 3);
    assert.ok(!JSON.stringify(kept).includes("hunter2"));
    for (const item of kept.items) {
      assert.deepEqual(item.metadata?.ownerReferences, [
        { apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", name: "a", uid, controller: true },
      ]);
    }
    assert.ok((await source.deleteRevision(key, uid, 1)).ok);
    assert.ok((await source.deleteRevision(key, uid, 1)).ok);
    assert.deepEqual(await source.revisions(key, uid), { ok: true, value: [bare, revision(10)] });
  });

  test("Events are in kubectl describe, and the same thing said again counts up", async () => {
    const space = await namespace("events");
    await apply(space, "a");
    const { source } = await watch(space);
    const key = { namespace: space, name: "a" };
    const uid = source.filters().get("events/a")?.metadata.uid ?? "";
    for (let i = 0; i < 3; i++)
      await source.event(key, uid, { type: "Warning", reason: "RolledBack", message: "web-1 rejected revision 2" });
    await source.event(key, uid, { type: "Normal", reason: "WaveStarted", message: `${"x".repeat(2_000)}` });
    const described = await kube(["describe", "wf", "a", "-n", space]);
    assert.match(described, /Warning +RolledBack +\S+ \(x3 over \S+\) +weir +web-1 rejected revision 2\n/);
    assert.match(described, /Normal +WaveStarted +\S+ +weir.* +x+…\n/);
    // One filter that has a lot to say does not flood the cluster.
    for (let i = 0; i < 60; i++) await source.event(key, uid, { type: "Normal", reason: "Chatter", message: `number ${i}` });
    const events = JSON.parse(await kube(["get", "events", "-n", space, "-o", "json"])) as { items: unknown[] };
    assert.ok(events.items.length >= 20 && events.items.length <= 27, String(events.items.length));
  });
});
