import assert from "node:assert/strict";
import { request } from "node:https";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createAuthority, issueCertificate } from "../cluster/authority/certificate.ts";
import type { ProxyView } from "../hub/index.ts";
import { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from "../xds/gen/envoy/service/discovery/v3/discovery.ts";
import { connectGrpc, type GrpcOptions, type Status } from "../xds/testing/grpc-client.ts";
import { lacksForNode } from "./support/kubernetes/index.ts";
import type { Load, Totals } from "./support/kubernetes/load.ts";
import { appPod } from "./support/kubernetes/pods.ts";
import { foothold, startTenants, type Tenants } from "./support/kubernetes/tenants.ts";
import { eventually } from "./support/process.ts";

/** A tenant of the cluster who took a pod, and wants what is another's. The other's app gets requests all the time. */
const lacks = await lacksForNode();
const needsNode = { skip: lacks ?? false };
const ADS = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";
const TYPE = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig";
const [DENIED, UNAVAILABLE, UNAUTHENTICATED] = [7, 14, 16];
const REPLICAS = 2;
/** How long a stream is listened to after its first answer: what Weir has for a proxy is there at once. */
const LISTEN_MS = 3_000;
const ANSWER_MS = 30_000;

let tenants: Tenants;
let load: Load;
let beginning: Totals;
let pods: string[];
let port: number;
let ca: string;

before(async () => {
  if (lacks !== undefined) return;
  tenants = await startTenants();
  const { cluster } = tenants;
  await tenants.add("shop", 1);
  await tenants.add("bank", REPLICAS);
  load = await tenants.visit("bank");
  beginning = await load.totals();
  await cluster.apply(foothold("foothold", "shop"));
  await cluster.kubectl(["wait", "-n", "shop", "--for=condition=Ready", "pod/foothold", "--timeout=60s"]);
  port = await cluster.forward((await cluster.get(["pod", "foothold", "-n", "shop"])).status.podIP, 7070);
  const { items } = await cluster.get<{ items: { metadata: { name: string } }[] }>(["pods", "-n", "bank", "-l", "app=web"]);
  pods = items.map(({ metadata }) => metadata.name);
  const secret = await cluster.get<{ data: Record<string, string> }>(["secret", "weir-authority", "-n", "weir-system"]);
  ca = Buffer.from(secret.data["ca.crt"] ?? "", "base64").toString("utf8");
});
after(() => tenants?.stop());

interface Claims {
  readonly id: string;
  readonly namespace: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** A slot of theirs by name, and one of a namespace that is not there. */
const [THEIRS, NOBODYS] = ["weir/default/bank/mark", "weir/default/void/mark"];

/** Opens a stream from the foothold's address. Gives how it was refused, or all bytes that were sent to it. */
async function ask(
  options: GrpcOptions,
  { id, namespace, labels = { app: "web" } }: Claims,
  filterChain = true,
): Promise<Status | Buffer[]> {
  const connection = connectGrpc(port, options);
  const got: Buffer[] = [];
  const call = connection.call(ADS, (bytes) => {
    got.push(bytes);
    const { nonce = "" } = DeltaDiscoveryResponse.decode(bytes);
    void call.write(DeltaDiscoveryRequest.encode({ typeUrl: TYPE, responseNonce: nonce }).finish());
  });
  const version = { majorNumber: 1, minorNumber: 40, patch: 0 };
  const node = {
    id,
    metadata: { NAMESPACE: namespace, LABELS: { ...labels } },
    userAgentVersionType: { $case: "userAgentBuildVersion", userAgentBuildVersion: { version } } as const,
    extensions: filterChain ? [{ name: "envoy.filters.http.filter_chain" }] : [],
  };
  void call.write(
    DeltaDiscoveryRequest.encode({ node, typeUrl: TYPE, resourceNamesSubscribe: ["weir/default", THEIRS, NOBODYS] }).finish(),
  );
  // What is refused or answered is so in the end, however slow the way is; after an answer there is time for what must not come.
  let isOver = false;
  void call.ended.then(() => {
    isOver = true;
  });
  const answered = async () => {
    await eventually("an answer", () => got.length > 0 || isOver, ANSWER_MS);
    await sleep(LISTEN_MS);
    return got;
  };
  const outcome = await Promise.race([call.ended, answered()]);
  connection.close();
  return outcome;
}

/** What was sent under a name, as text. */
function contentOf(got: readonly Buffer[], name: string): string {
  const sent = got.flatMap((bytes) => DeltaDiscoveryResponse.decode(bytes).resources ?? []).filter((resource) => resource.name === name);
  return sent.map(({ resource }) => Buffer.from(resource?.value ?? []).toString("latin1")).join("");
}

const tls = (rest: object = {}) => ({ ca, servername: "weir.weir-system.svc", ...rest });
const bearer = (token: string): GrpcOptions => ({ tls: tls(), authorization: `Bearer ${token.trim()}` });
const own = () => tenants.cluster.exec(["foothold", "-n", "shop"], ["cat", "/token/token"]);

async function refusal(options: GrpcOptions, claims: Claims): Promise<Status> {
  const outcome = await ask(options, claims);
  assert.ok("code" in outcome, "the stream was not refused");
  return outcome;
}

/** The token that the kubelet put beside a pod's Envoy, as root on the node reads it. */
async function tokenOf(namespace: string, pod: string): Promise<string> {
  const { uid } = (await tenants.cluster.get(["pod", pod, "-n", namespace])).metadata;
  const path = `/run/weir/kubelet/pods/${uid}/volumes/kubernetes.io~projected/weir-token/token`;
  return (await tenants.cluster.run("cat", [path])).stdout;
}

describe("from a pod of namespace shop", () => {
  test(
    "its own token with another's namespace is refused with words; with another's node id and labels it gets what is its own",
    needsNode,
    async (t) => {
      const { code, details } = await refusal(bearer(await own()), { id: pods[0] ?? "", namespace: "bank" });
      t.diagnostic(details);
      assert.equal(code, DENIED);
      assert.match(details, /NAMESPACE is bank, and this client proved that it belongs to shop/);
      for (const filterChain of [true, false]) {
        const got = await ask(bearer(await own()), { id: pods[0] ?? "", namespace: "shop" }, filterChain);
        assert.ok(!("code" in got), `refused: ${JSON.stringify(got)}`);
        // A name that is another's leads to a module that does nothing, as one that is nobody's: whether there is such a filter is not told.
        const nameless = (name: string) =>
          contentOf(got, name)
            .replaceAll(/bank|void/g, "-")
            .replaceAll(/(?<=mark\/)[0-9a-f]{16}/g, "-");
        assert.equal(nameless(THEIRS), nameless(NOBODYS), "no more than of a filter that is not there");
        assert.doesNotMatch(contentOf(got, THEIRS), /x-weir/);
        const chain = contentOf(got, "weir/default");
        assert.doesNotMatch(chain, /bank/);
        if (filterChain) assert.match(chain, /shop\/mark.*x-weir/s, "the filter of its own");
      }
    },
  );

  test("another pod's token is refused: it comes from another address", needsNode, async (t) => {
    for (const [namespace, pod] of [
      ["bank", pods[0] ?? ""],
      ["shop", (await tenants.cluster.get(["pods", "-n", "shop", "-l", "app=web"])).items[0].metadata.name],
    ] as const) {
      const { code, details } = await refusal(bearer(await tokenOf(namespace, pod)), { id: pod, namespace });
      t.diagnostic(details);
      assert.equal(code, UNAUTHENTICATED);
      assert.match(details, /is not that pod's address/);
    }
  });

  test(
    "no token, one of another audience, one of no pod, one of a pod that is gone, and no token at all are refused with words",
    needsNode,
    async (t) => {
      const { cluster } = tenants;
      const make = (...args: readonly string[]) => cluster.kubectl(["create", "token", "default", "-n", "shop", ...args]);
      await cluster.apply(foothold("gone", "shop"));
      await cluster.kubectl(["wait", "-n", "shop", "--for=condition=Ready", "pod/gone", "--timeout=60s"]);
      const gone = await cluster.exec(["gone", "-n", "shop"], ["cat", "/token/token"]);
      await cluster.kubectl(["delete", "pod", "gone", "-n", "shop", "--grace-period=0", "--force"]);
      for (const [options, words] of [
        [{ tls: tls() }, /token/],
        [bearer("not-a-token"), /token/],
        [bearer(await make("--audience=other.example")), /for another audience.*weir\.dev/],
        [bearer(await make("--audience=weir.dev")), /bound to no pod/],
        [bearer(gone), /gone|is not that pod's address/],
      ] as const) {
        const { code, details } = await refusal(options, { id: pods[0] ?? "", namespace: "bank" });
        t.diagnostic(details);
        assert.equal(code, UNAUTHENTICATED);
        assert.match(details, words);
        assert.doesNotMatch(details, /eyJ/, "no token is repeated");
      }
    },
  );

  test("plain text is not spoken to", needsNode, async () => {
    const outcome = await ask({ authorization: `Bearer ${(await own()).trim()}` }, { id: "x", namespace: "bank" });
    assert.ok("code" in outcome && outcome.code === UNAVAILABLE, JSON.stringify(outcome));
    const socket = connect(port, "127.0.0.1");
    let answer = "";
    socket.on("data", (bytes) => {
      answer += bytes.toString("latin1");
    });
    socket.write("GET / HTTP/1.1\r\nhost: weir\r\n\r\n");
    await new Promise((resolve) => socket.once("close", resolve));
    assert.doesNotMatch(answer, /HTTP\/1\.1 200/);
  });

  test("a certificate of another authority is refused with words, and a server with one is not spoken to", needsNode, async (t) => {
    const other = createAuthority("somebody else", Date.now(), 3_600_000);
    const uri = "spiffe://cluster.local/ns/bank/sa/default";
    const stranger = issueCertificate(other, { purpose: "client", name: "x", uris: [uri], now: Date.now(), validMs: 3_600_000 });
    const { code, details } = await refusal({ tls: tls({ cert: stranger.cert, key: stranger.key }) }, { id: "x", namespace: "bank" });
    t.diagnostic(details);
    assert.equal(code, UNAUTHENTICATED);
    assert.match(details, /certificate/);
    const closed = await ask({ tls: { ca: other.cert, servername: "weir.weir-system.svc" } }, { id: "x", namespace: "bank" });
    assert.ok("code" in closed && closed.code === UNAVAILABLE, "who trusts another authority ends the connection itself");
  });

  test("the webhook answers strangers in words, holds nothing of theirs, and injects pods meanwhile", needsNode, async (t) => {
    const { cluster } = tenants;
    const { clusterIP } = (await cluster.get(["service", "weir", "-n", "weir-system"])).spec;
    const webhook = await cluster.forward(clusterIP, 443);
    const call = (method: string, path: string, body: string) =>
      new Promise<{ status: number; text: string }>((resolve, reject) => {
        const options = { port: webhook, host: "127.0.0.1", path, method, ca, servername: "weir.weir-system.svc" };
        request({ ...options, headers: { "content-type": "application/json" }, agent: false }, async (answer) => {
          const text = Buffer.concat(await answer.toArray()).toString();
          resolve({ status: answer.statusCode ?? 0, text });
        })
          .once("error", reject)
          .end(body);
      });
    assert.deepEqual(await call("GET", "/metrics", ""), {
      status: 404,
      text: "nothing is here but what the API server's webhook configurations lead to\n",
    });
    for (const { status, text } of await Promise.all(Array.from({ length: 40 }, () => call("POST", "/inject", "{}")))) {
      assert.equal(status, 400);
      assert.match(text, /this address is for the API server/);
    }
    const idle = Array.from({ length: 300 }, () => connect(webhook, "127.0.0.1"));
    for (const socket of idle) socket.on("error", () => {});
    const start = performance.now();
    await cluster.apply(appPod("meanwhile", "shop"));
    t.diagnostic(`a pod was made beside 300 idle connections in ${(performance.now() - start).toFixed(0)} ms`);
    const pod = await cluster.get(["pod", "meanwhile", "-n", "shop"]);
    assert.ok(pod.spec.initContainers.some(({ name }: { name: string }) => name === "weir-envoy"));
    for (const socket of idle) socket.destroy();
    await cluster.kubectl(["delete", "pod", "meanwhile", "-n", "shop", "--wait=false"]);
    const read = await cluster.portForward([`pod/${(await tenants.operator()).metadata.name}`, "-n", "weir-system"], 18001);
    const metrics = await (await fetch(`http://127.0.0.1:${read}/metrics`)).text();
    const counted = (outcome: string) =>
      Number(new RegExp(`^weir_injections_total\\{outcome="${outcome}"\\} (\\d+)`, "m").exec(metrics)?.[1]);
    assert.ok(counted("invalid") >= 40 && counted("injected") >= 4, `${counted("invalid")} invalid, ${counted("injected")} injected`);
  });

  test(
    "of all this the other noticed nothing: its proxies are its own, every request was answered, and all had its filter",
    needsNode,
    async (t) => {
      const { cluster, operator } = tenants;
      const { metadata, status } = await operator();
      const read = await cluster.portForward([`pod/${metadata.name}`, "-n", "weir-system"], 18001);
      const proxies = (await (await fetch(`http://127.0.0.1:${read}/api/v1/proxies`)).json()) as ProxyView[];
      const connected = proxies.filter((proxy) => proxy.connected && proxy.namespace === "bank").map(({ id }) => id);
      assert.deepEqual(connected.sort(), [...pods].sort());
      const totals = await load.since(beginning);
      t.diagnostic(JSON.stringify(totals));
      assert.ok(totals.requests > 200);
      assert.deepEqual([totals.failed, totals.unfiltered, Object.keys(totals.values)], [0, 0, ["bank"]]);
      for (const { restartCount } of status.containerStatuses) assert.equal(restartCount, 0);
    },
  );
});
