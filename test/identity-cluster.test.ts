import assert from "node:assert/strict";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { systemClock } from "../model/clock.ts";
import type { KubeObject } from "../model/kube.ts";
import { silentLog } from "../model/log.ts";
import { pushModule } from "../oci/index.ts";
import { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from "../xds/gen/envoy/service/discovery/v3/discovery.ts";
import { connectGrpc, type Status } from "../xds/testing/grpc-client.ts";
import { accessTo, type Cluster, installCrds, kubectl, rightCounts, startCluster } from "./support/cluster.ts";
import { startEchoApp } from "./support/echo-app.ts";
import { startEnvoy } from "./support/envoy.ts";
import { swapData } from "./support/mounted-folder.ts";
import { createPodMaker, type Pod, type PodMaker } from "./support/pods.ts";
import { eventually } from "./support/process.ts";
import { type Registry, startRegistry } from "./support/registry.ts";
import { stat } from "./support/scene.ts";
import { soon } from "./support/soon.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { get } from "./support/traffic.ts";
import { headerFilter } from "./support/wat.ts";
import { startWeir, type Weir, weir } from "./support/weir.ts";

const ADS = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";
const TYPE = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig";
const [DENIED, UNAVAILABLE, UNAUTHENTICATED] = [7, 14, 16];
const OPERATOR = "operator";
/** What Weir may do in a cluster, by resource. */
const RIGHTS = [
  { apiGroups: ["weir.dev"], resources: ["wasmfilters"], verbs: ["get", "list", "watch"] },
  { apiGroups: ["weir.dev"], resources: ["wasmfilters/status"], verbs: ["update"] },
  { apiGroups: ["weir.dev"], resources: ["wasmpolicies"], verbs: ["get", "list", "watch"] },
  { apiGroups: ["apps"], resources: ["controllerrevisions"], verbs: ["list", "create", "delete"] },
  { apiGroups: [""], resources: ["events"], verbs: ["create", "patch"] },
  { apiGroups: ["authentication.k8s.io"], resources: ["tokenreviews"], verbs: ["create"] },
  { apiGroups: [""], resources: ["pods"], verbs: ["get", "list", "watch"] },
];

let cluster: Cluster;
let registry: Registry;
let pods: PodMaker;

before(async () => {
  [cluster, registry] = await Promise.all([startCluster({ users: [OPERATOR] }), startRegistry()]);
  await installCrds(cluster);
  await grant(RIGHTS);
  await kubectl(["create", "clusterrolebinding", OPERATOR, `--clusterrole=${OPERATOR}`, `--user=${OPERATOR}`], cluster);
  await rightCounts(cluster, OPERATOR, "get", "pods", "--all-namespaces");
  pods = createPodMaker(cluster);
  for (const namespace of ["shop", "evil"]) await pods.namespace(namespace);
  for (const app of ["web", "pay"]) await addFilter(app);
});

after(async () => {
  await cluster?.stop();
  await registry?.stop();
});

function grant(rules: readonly object[]): Promise<string> {
  const role = { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", metadata: { name: OPERATOR }, rules };
  return kubectl(["apply", "-f", "-"], { ...cluster, input: JSON.stringify(role) });
}

/** A filter of the namespace `shop` for pods with this label, whose header tells it. */
async function addFilter(app: string): Promise<void> {
  const image = `${registry.host}/${app}:1`;
  const pushed = await pushModule(image, await headerFilter({ name: "x-weir", value: app }), { keychain: new Map() });
  assert.ok(pushed.ok);
  const spec = { image, selector: { matchLabels: { app } } };
  const manifest = { apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: { name: app, namespace: "shop" }, spec };
  await kubectl(["apply", "-f", "-"], { ...cluster, input: JSON.stringify(manifest) });
}

/** A Weir that reviews tokens. Beside them it knows one of a file, which may read. */
async function startServer(t: TestContext, flags: readonly string[] = []) {
  const { path: folder, remove } = await createTempFolder("identity-cluster");
  t.after(remove);
  await writeFile(join(folder, "tokens.yaml"), JSON.stringify([{ token: FILE_TOKEN, namespace: "shop", node: "outside" }]));
  const server = await startWeir({
    source: ["--kubeconfig", await cluster.kubeconfigFor(OPERATOR)],
    data: join(folder, "data"),
    cwd: folder,
    flags: ["--token-review", "--allow-address", "127.0.0.0/8", ...flags],
  });
  t.after(server.stop);
  const speak = (authorization: string, node: Claimed = {}) => openStream(t, server, authorization, node);
  return { folder, server, speak };
}

const FILE_TOKEN = "file-aaaaaaaaaaaaaaaaaaaa";

/** What a node says of itself. */
interface Claimed {
  readonly id?: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** A proxy that takes everything. `held`: names of the plugins it was sent, in its last response. */
function openStream(t: TestContext, server: Weir, authorization: string, { id = "any", namespace, labels = {} }: Claimed) {
  const connection = connectGrpc(server.xdsPort, { authorization });
  t.after(() => connection.close());
  let last: string | undefined;
  let over: Status | undefined;
  const call = connection.call(ADS, (bytes) => {
    const { nonce = "" } = DeltaDiscoveryResponse.decode(bytes);
    last = ["web", "pay"].filter((app) => bytes.includes(`shop/${app}`)).join();
    void call.write(DeltaDiscoveryRequest.encode({ typeUrl: TYPE, responseNonce: nonce }).finish());
  });
  const version = { majorNumber: 1, minorNumber: 40, patch: 0 };
  const node = {
    id,
    metadata: { ...(namespace === undefined ? {} : { NAMESPACE: namespace }), LABELS: labels },
    userAgentVersionType: { $case: "userAgentBuildVersion", userAgentBuildVersion: { version } } as const,
    extensions: [{ name: "envoy.filters.http.filter_chain" }],
  };
  void call.write(DeltaDiscoveryRequest.encode({ node, typeUrl: TYPE, resourceNamesSubscribe: ["weir/default"] }).finish());
  const ended = call.ended.then((status) => {
    over = status;
    return status;
  });
  return {
    ended,
    isOpen: () => over === undefined,
    async holds(apps: string) {
      await eventually(`the chain "${apps}"`, async () => {
        assert(over === undefined, `the stream ended: ${over?.code} ${over?.details}`);
        return last === apps;
      }).catch((error: Error) => {
        throw new Error(`${error.message}; it holds "${last}"\n${server.logs().slice(-4_000)}`);
      });
    },
  };
}

async function ids({ proxies }: Weir): Promise<string[]> {
  return (await proxies()).filter(({ connected }) => connected).map(({ namespace, id }) => `${namespace}/${id}`);
}

describe("a pod's token", () => {
  test("makes a real Envoy the proxy of its pod: name and labels are the Pod object's, and a changed label changes its filters on the same stream", async (t) => {
    const { folder, server } = await startServer(t, ["--xds-tls", "auto"]);
    const pod = await pods.create("shop", "web-7d9c", { labels: { app: "web" } });
    const app = await startEchoApp();
    t.after(app.stop);
    await mkdir(join(folder, "mount/first"), { recursive: true });
    await mkdir(join(folder, "mount/second"));
    await writeFile(join(folder, "mount/first/token"), `${await pods.token(pod)}\n`);
    await swapData(join(folder, "mount"), "first");
    await symlink("..data/token", join(folder, "mount/token"));
    await weir(
      [
        ...["bootstrap", "--node", "sidecar~10.1.2.3~whatever", "--namespace", "shop", "--label", "app=claimed"],
        ...["--token-file", join(folder, "mount/token"), "--tls-ca", "data/private/ca/ca.crt", "--out", "proxy"],
        ...["--xds", `127.0.0.1:${server.xdsPort}`, "--listen", "127.0.0.1:0", "--upstream", `127.0.0.1:${app.port}`],
      ],
      { cwd: folder },
    );
    const envoy = await startEnvoy({ config: await readFile(join(folder, "proxy/envoy.yaml"), "utf8"), log: "warning" });
    t.after(() => envoy.stop());
    const port = await envoy.port();
    const mark = async () => (await get(port)).headers["x-weir"];
    await soon(mark, "web");
    assert.deepEqual(await ids(server), ["shop/web-7d9c"]);
    const streams = () => stat(envoy, "cluster.weir_xds.upstream_rq_total");
    const before = await streams();
    await pods.relabel(pod, { app: "pay" });
    const changedAt = performance.now();
    await soon(mark, "pay");
    t.diagnostic(`a changed label is another filter in Envoy after ${Math.round(performance.now() - changedAt)} ms`);
    assert.equal(await streams(), before, "no stream was opened anew");

    await writeFile(join(folder, "mount/second/token"), `${await pods.token(pod)}\n`);
    await swapData(join(folder, "mount"), "second");
    await server.stop();
    await server.start();
    await eventually("the proxy with its next token", async () => (await ids(server)).includes("shop/web-7d9c"), 30_000);
    assert.equal(await mark(), "pay");
  });

  test("is taken with the scheme and raw, beside one of the token file; the stream ends with the token", async (t) => {
    const { server, speak } = await startServer(t, ["--token-auth-file", "tokens.yaml"]);
    const pod = await pods.create("shop", "web-1", { labels: { app: "web" } });
    const [raw, file] = [speak(await pods.token(pod)), speak(`Bearer ${FILE_TOKEN}`, { id: "outside", labels: { app: "pay" } })];
    const short = speak(`Bearer ${await pods.shortToken(pod, 12)}`);
    await raw.holds("web");
    await short.holds("web");
    await file.holds("pay");
    const began = performance.now();
    const { code, details } = await short.ended;
    const seconds = (performance.now() - began) / 1_000;
    assert.equal(code, UNAUTHENTICATED);
    assert.match(details, /the token or certificate that proved who this client is has ended; connect again with the next one/);
    assert.ok(seconds < 12 + 20, `${seconds} s`);
    assert.ok(raw.isOpen() && file.isOpen());
    assert.equal(server.logs().includes("eyJ"), false, "no token is in the log");
  });

  test("says nothing for others: what proves nothing, or another, is refused in words, and who is there stays undisturbed", async (t) => {
    const { server, speak } = await startServer(t);
    const victim = await pods.create("shop", "victim", { labels: { app: "web" } });
    const [evil, elsewhere, gone, over] = [
      await pods.create("evil", "attacker", { labels: { app: "web" } }),
      await pods.create("shop", "elsewhere", { ip: "10.99.0.9" }),
      await pods.create("shop", "gone"),
      await pods.create("shop", "over"),
    ];
    const stays = speak(await pods.token(victim), { namespace: "shop" });
    await stays.holds("web");
    const tokenOfGone = await pods.token(gone);
    await pods.remove(gone);
    await pods.setStatus(over, { phase: "Failed" });
    const evilToken = await pods.token(evil);
    const cases: readonly (readonly [string, string, Claimed, number, RegExp])[] = [
      ["no token at all", "", {}, UNAUTHENTICATED, /is no ServiceAccount's|asks who you are/],
      ["garbage", "Bearer garbage-garbage-garbage", {}, UNAUTHENTICATED, /the token is no ServiceAccount's; mount a projected token/],
      ["a forged one", `${evilToken.slice(0, -8)}AAAAAAAA`, {}, UNAUTHENTICATED, /does not take the token: it is not one of this cluster/],
      ["another audience", await pods.token(victim, { audience: "vault" }), {}, UNAUTHENTICATED, /for another audience, .* weir.dev/],
      ["one without a pod", await pods.token(victim, { bound: false }), {}, UNAUTHENTICATED, /bound to no pod; mount a projected token/],
      [
        "an expired one",
        await pods.shortToken(victim, -30),
        {},
        UNAUTHENTICATED,
        /the token ended at 20.* and it is 20.* here; connect again with the next one/,
      ],
      ["a deleted pod's", tokenOfGone, {}, UNAUTHENTICATED, /shop\/gone, which is gone|or its pod or its ServiceAccount is gone/],
      ["an ended pod's", await pods.token(over), {}, UNAUTHENTICATED, /the pod shop\/over, which has ended/],
      ["another pod's", await pods.token(elsewhere), {}, UNAUTHENTICATED, /127.0.0.1 is not that pod's address; .* --any-pod-address/],
      ["another namespace", evilToken, { namespace: "shop", id: "victim" }, DENIED, /this client proved that it belongs to evil/],
    ];
    for (const [what, token, claimed, code, why] of cases) {
      const { code: got, details } = await speak(token, claimed).ended;
      assert.deepEqual([got, why.test(details)], [code, true], `${what}: ${got} ${details}`);
      assert.equal(details.includes("eyJ"), false);
    }
    const stranger = speak(evilToken, { id: "victim" });
    await stranger.holds("");
    assert.deepEqual((await ids(server)).sort(), ["evil/attacker", "shop/victim"]);
    assert.ok(stays.isOpen());
    assert.equal(server.logs().includes("eyJ"), false, "no token is in the log");
  });

  test("is taken from any address where that is wanted, and of a pod on its node's network from all", async (t) => {
    const wide = await startServer(t, ["--any-pod-address"]);
    const elsewhere = await pods.create("shop", "behind-nat", { labels: { app: "web" }, ip: "10.99.0.9" });
    await wide.speak(await pods.token(elsewhere)).holds("web");
    const strict = await startServer(t);
    const node = await pods.create("shop", "on-node", { labels: { app: "web" }, ip: "10.99.0.1", hostNetwork: true });
    await strict.speak(await pods.token(node)).holds("web");
    const early = await pods.create("shop", "early", { labels: { app: "web" }, ip: undefined });
    const token = await pods.token(early);
    await strict.speak(token).holds("web");
    await pods.setStatus(early, { podIP: "10.99.0.2", podIPs: [{ ip: "10.99.0.2" }] });
    assert.match((await strict.speak(token).ended).details, /is not that pod's address/);
    await pods.setStatus(early, { podIP: "127.0.0.1", podIPs: [{ ip: "127.0.0.1" }] });
    await strict.speak(token).holds("web");
  });
});

describe("a pod", () => {
  test("that is deleted ends its streams, and one of its name takes its place; the older one's token cannot take it back", async (t) => {
    const { server, speak } = await startServer(t);
    const first = await pods.create("shop", "web-0", { labels: { app: "web" } });
    const token = await pods.token(first);
    const open = speak(token);
    await open.holds("web");
    await pods.remove(first);
    const { code, details } = await open.ended;
    assert.equal(code, UNAUTHENTICATED);
    assert.match(details, /the pod of this client is gone, or another one has its name now/);
    const second = await pods.create("shop", "web-0", { labels: { app: "pay" } });
    const next = speak(await pods.token(second));
    await next.holds("pay");
    assert.match((await speak(token).ended).details, /shop\/web-0 that is gone: another one has its name now|its pod .* is gone/);
    assert.ok(next.isOpen());
    assert.deepEqual(await ids(server), ["shop/web-0"]);
  });
});

describe("the API server", () => {
  test("away: open streams stay, who is known may come again, others are told to try again; all is followed when it is back", async (t) => {
    const { server, speak } = await startServer(t);
    const [known, stranger, doomed]: [Pod, Pod, Pod] = [
      await pods.create("shop", "known", { labels: { app: "web" } }),
      await pods.create("shop", "stranger", { labels: { app: "web" } }),
      await pods.create("shop", "doomed", { labels: { app: "web" } }),
    ];
    const [token, other] = [await pods.token(known), await pods.token(stranger)];
    const [open, dies] = [speak(token), speak(await pods.token(doomed))];
    await open.holds("web");
    await dies.holds("web");
    await cluster.stopServer();
    await eventually("the watch to break", async () => server.logs().includes("pods cannot be watched"), 30_000);
    const refused = await speak(other).ended;
    assert.equal(refused.code, UNAVAILABLE);
    assert.match(refused.details, /could not ask the API server who this client is; try again/);
    await speak(token).holds("web");
    await cluster.startServer();
    await pods.remove(doomed);
    await pods.relabel(known, { app: "pay" });
    assert.equal((await dies.ended).code, UNAUTHENTICATED);
    await open.holds("pay");
    await eventually("the stranger", async () => {
      const again = speak(other);
      return (await Promise.race([again.ended, again.holds("web").catch(() => undefined)])) === undefined;
    });
    assert.match(server.logs(), /tokens of proxies cannot be reviewed .*cannot be reached/);
    assert.match(server.logs(), /tokens of proxies are reviewed again/);
  });

  test("gives the watch the metadata of pods alone", async (t) => {
    const pod = await pods.create("shop", "metadata", { labels: { app: "web" } });
    const { api, follow } = accessTo(cluster.kubeconfig);
    const seen = new Map<string, KubeObject>();
    const take = (how: string, object: KubeObject) => object.metadata.uid === pod.uid && seen.set(how, object);
    const reflector = follow({
      ...{ api, path: "/api/v1/pods", metadataOnly: true },
      ...{ clock: systemClock, log: silentLog, random: Math.random, onTrouble() {} },
      onList: (objects) => objects.forEach((object) => void take("list", object)),
      onEvent: (_type, object) => void take("event", object),
    });
    t.after(() => reflector.stop());
    await reflector.listed;
    await pods.relabel(pod, { app: "pay" });
    await eventually("the event", async () => seen.has("event"));
    for (const [how, app] of [
      ["list", "web"],
      ["event", "pay"],
    ] as const) {
      const { metadata, spec, status }: Partial<KubeObject> = seen.get(how) ?? {};
      assert.deepEqual([metadata?.labels, spec, status], [{ app }, undefined, undefined], how);
    }
  });

  for (const [resource, verb, line] of [
    [
      "tokenreviews",
      "create",
      /tokens of proxies cannot be reviewed .*may not create tokenreviews.authentication.k8s.io in the whole cluster/,
    ],
    ["pods", "get", /pods of proxies cannot be read .*may not get pods in the whole cluster/],
    ["pods", "list", /pods cannot be watched: .*may not list and watch pods in the whole cluster/],
    ["pods", "watch", /pods cannot be watched: .*may not list and watch pods in the whole cluster/],
  ] as const) {
    test(`that does not let Weir ${verb} ${resource}: the log says it, and Weir goes on`, async (t) => {
      const without = ({ verbs, ...rule }: (typeof RIGHTS)[number]) =>
        rule.resources.includes(resource) ? { ...rule, verbs: verbs.filter((each) => each !== verb) } : { ...rule, verbs };
      await grant(RIGHTS.map(without).filter(({ verbs }) => verbs.length > 0));
      t.after(() => grant(RIGHTS));
      const { server, speak } = await startServer(t);
      const pod = await pods.create("shop", `${resource}-${verb}`, { labels: { app: "web" } });
      const stream = speak(await pods.token(pod));
      if (line.source.startsWith("pods cannot be watched")) await stream.holds("web");
      else assert.equal((await stream.ended).code, UNAVAILABLE);
      await eventually("the line", async () => line.test(server.logs()), 15_000);
      assert.equal((await fetch(`${server.url}/readyz`)).status, 200);
      await grant(RIGHTS);
      await eventually("the proxy", async () => {
        const again = speak(await pods.token(pod));
        return (await Promise.race([again.ended, again.holds("web").catch(() => undefined)])) === undefined;
      });
    });
  }
});

test("1,000 proxies that come at once are reviewed and served", async (t) => {
  const { server, speak } = await startServer(t);
  const tokens: string[] = [];
  const first = await pods.create("shop", "many-0", { labels: { app: "web" } });
  for (let made = 0; made < 1_000; made += 20) {
    const some = Array.from({ length: 20 }, async (_, index) => {
      const pod = made + index === 0 ? first : await pods.create("shop", `many-${made + index}`, { labels: { app: "web" } });
      return pods.token(pod);
    });
    tokens.push(...(await Promise.all(some)));
  }
  const began = performance.now();
  await Promise.all(tokens.map((token) => speak(token).holds("web")));
  const seconds = (performance.now() - began) / 1_000;
  const text = await server.metrics();
  const metric = (name: string) =>
    Number(new RegExp(`^weir_token_review_duration_seconds_${name}\\{outcome="success"\\} (.*)$`, "m").exec(text)?.[1]);
  const buckets = [...text.matchAll(/^weir_token_review_duration_seconds_bucket\{le="([^"]+)",outcome="success"\} (\d+)$/gm)];
  const p50 = buckets.find(([, , count]) => Number(count) >= 500)?.[1];
  t.diagnostic(
    `1,000 streams open and served in ${seconds.toFixed(1)} s; ${metric("count")} reviews, half of them within ${p50} s, mean ${((metric("sum") / metric("count")) * 1_000).toFixed(1)} ms`,
  );
  assert.equal(metric("count"), 1_000, "one review for each token");
  assert.ok(seconds < 60);
});
