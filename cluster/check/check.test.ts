import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ApiFailure } from "../../model/kube.ts";
import { ok } from "../../model/result.ts";
import { judge } from "./check.ts";
import type { Facts, Pod } from "./facts.ts";
import type { Crd } from "./narrowing.ts";

const NOW = Date.parse("2026-01-01T00:00:00Z");
const CRD: Crd = {
  metadata: { name: "wasmfilters.weir.dev" },
  spec: {
    names: { kind: "WasmFilter" },
    versions: [{ name: "v1alpha1", schema: { openAPIV3Schema: { type: "object", properties: { a: {}, b: {} } } } }],
  },
};

const refused = (status: number, message = "no"): { ok: false; error: ApiFailure } => ({
  ok: false,
  error: { reason: "Refused", message, retryable: false, status },
});

const pod = (name: string, more: Partial<Pod> & { labels?: Record<string, string>; annotations?: Record<string, string> } = {}): Pod => {
  const { labels = {}, annotations = {}, spec = { containers: [] }, status = { phase: "Running" } } = more;
  return { metadata: { name, namespace: "shop", labels, annotations }, spec, status };
};

const deployment = (namespace: string, readyReplicas = 1) => ({
  metadata: { name: "weir", namespace },
  spec: { replicas: 1, template: { spec: { containers: [] } } },
  status: { readyReplicas },
});

const namespace = (name: string, labels: Record<string, string> = {}, annotations: Record<string, string> = {}) => ({
  metadata: { name, labels, annotations },
});

/** A cluster in which all is well. */
const WELL: Facts = {
  now: NOW,
  namespace: "weir-system",
  version: ok("v1.36.3"),
  self: ok({ user: "admin", time: NOW - 900 }),
  kinds: [{ wanted: CRD, found: ok(CRD) }],
  own: ok([{ verb: "get", group: "weir.dev", resource: "wasmfilters", allowed: true }]),
  weirs: ok([{ verb: "list", group: "apps", resource: "controllerrevisions", allowed: true }]),
  deployments: ok([deployment("weir-system")]),
  pods: ok([pod("weir-1")]),
  webhook: ok({
    webhooks: [
      { name: "a", failurePolicy: "Fail", clientConfig: { caBundle: "Y2E=", service: { namespace: "weir-system", name: "weir" } } },
    ],
  }),
  endpoints: ok([{ endpoints: [{ conditions: { ready: true } }] }]),
  trial: ok(pod("weir-check-x", { labels: { "weir.dev/injected": "true" } })),
  admission: ok({ webhooks: [{ name: "b", clientConfig: { caBundle: "Y2E=" } }] }),
  ...{ admits: true, refusal: refused(422, 'admission webhook "wasmfilter.weir.dev" denied the request: spec.image: no') },
  injected: ok([namespace("shop", { "weir.dev/inject": "true" })]),
  workloads: ok([pod("web-1", { labels: { "weir.dev/injected": "true" } })]),
  podCertificates: ok(false),
  claims: [{ name: "weir", found: ok({ metadata: { name: "weir" }, status: { phase: "Bound" } }), use: ok({ used: 1, capacity: 4 }) }],
};

/** What is not ok in a cluster that differs so from one in which all is well. */
const troubles = (change: Partial<Facts>) =>
  judge({ ...WELL, ...change })
    .filter(({ status }) => status !== "ok")
    .map(({ status, about, message }) => `${status} ${about}: ${message}`);

const withPort = { spec: { containers: [{ name: "app", image: "app:1", ports: [{ name: "http", containerPort: 8080 }] }] } };

const only = (change: Partial<Facts>, expected: RegExp) => {
  const found = troubles(change);
  assert.equal(found.length, 1, found.join("\n"));
  assert.match(found[0] ?? "", expected);
};

const waiting = (reason: string, message: string): Partial<Pod> => ({
  status: { phase: "Pending", containerStatuses: [{ name: "weir", image: "r.example/weir:1", state: { waiting: { reason, message } } }] },
});

test("where all is well every line is ok, and says so of everything that is looked at", () => {
  assert.deepEqual(troubles({}), []);
  const subjects = new Set(judge(WELL).map(({ about }) => about));
  for (const about of [
    "api server",
    "clock",
    "kinds",
    "your rights",
    "weir's rights",
    "weir",
    "volume",
    "webhook",
    "injection",
    "admission",
    "identity",
  ])
    assert.ok(subjects.has(about), about);
});

test("every message is one line in lower case, without a full stop", () => {
  const all = [WELL, { ...WELL, deployments: ok([]), webhook: refused(404), kinds: [{ wanted: CRD, found: refused(404) }] }].flatMap(judge);
  for (const { message } of all) assert.doesNotMatch(message, /\.$|\n|^[A-Z](?![a-zA-Z]*\b.*)/, message);
});

describe("the API server", () => {
  test("that cannot be reached is all that is said", () =>
    only({ version: refused(0, "cannot be reached: ECONNREFUSED") }, /^fail api server: cannot be reached/));
  test("before 1.29 has no native sidecars", () => only({ version: ok("v1.28.9") }, /^fail api server: v1\.28\.9 has no native sidecars/));
  test("of 1.29, with a vendor's suffix, is new enough", () => assert.deepEqual(troubles({ version: ok("v1.29.0-eks-1") }), []));
  test("half a minute apart is a warning", () => only({ now: NOW + 40_000 }, /^warn clock: this machine is 41 s ahead of the API server/));
  test("five minutes apart is a fault", () => only({ now: NOW - 301_000 }, /^fail clock: this machine is 300 s behind/));
});

describe("kinds", () => {
  const schema = (properties: object) => {
    const copy = structuredClone(CRD) as unknown as { spec: { versions: { schema: { openAPIV3Schema: { properties: object } } }[] } };
    for (const { schema } of copy.spec.versions) schema.openAPIV3Schema.properties = properties;
    return [{ wanted: CRD, found: ok(copy as unknown as Crd) }];
  };
  test("that are not there", () =>
    only({ kinds: [{ wanted: CRD, found: refused(404) }] }, /^fail kinds: wasmfilters\.weir\.dev is not there; install/));
  test("of an older version name what they lack", () => only({ kinds: schema({ a: {} }) }, /older version \(b: is gone\); upgrade them/));
  test("of a newer version", () => only({ kinds: schema({ a: {}, b: {}, c: {} }) }, /^warn kinds: .*newer version/));
  test("that may not be seen", () =>
    only({ kinds: [{ wanted: CRD, found: refused(403, "forbidden") }] }, /^warn kinds: not looked at: forbidden; ask/));
});

describe("rights", () => {
  const lacks = ok([{ verb: "list", group: "apps", resource: "controllerrevisions", allowed: false }]);
  test("that Weir lacks are named", () =>
    only({ weirs: lacks }, /^fail weir's rights: its ServiceAccount may not list apps\/controllerrevisions; upgrade/));
  test("that whoever asks lacks are a warning", () =>
    only({ own: lacks }, /^warn your rights: admin may not list apps\/controllerrevisions/));
});

describe("Weir", () => {
  test("is not installed", () =>
    only({ deployments: ok([]) }, /^fail weir: there is no Weir in namespace weir-system; install it: helm install/));
  test("is in another namespace", () => only({ deployments: ok([deployment("other")]) }, /but one in other; name that with --namespace/));
  test("is installed twice", () =>
    only({ deployments: ok([deployment("weir-system"), deployment("b")]) }, /^fail one weir: 2 Weirs .*weir-system\/weir, b\/weir/));
  test("is not ready", () =>
    only({ deployments: ok([deployment("weir-system", 0)]) }, /^fail weir: Deployment weir-system\/weir has 0 of 1/));
  test("cannot have its image: names it and says what to do", () =>
    only(
      { pods: ok([pod("weir-1", waiting("ImagePullBackOff", "not found"))]) },
      /^fail pod: r\.example\/weir:1 cannot be pulled .*npm run image.*image\.repository/,
    ));
  test("ends again and again", () => {
    const status = {
      name: "weir",
      state: { waiting: { reason: "CrashLoopBackOff" } },
      lastState: { terminated: { reason: "OOMKilled", exitCode: 137 } },
    };
    only(
      { pods: ok([pod("weir-1", { status: { containerStatuses: [status] } })]) },
      /weir ends again and again \(it took more memory than its limit\); see kubectl -n shop logs/,
    );
  });
  test("has no node", () => {
    const status = { conditions: [{ type: "PodScheduled", status: "False", message: "0/1 nodes: insufficient memory" }] };
    only({ pods: ok([pod("weir-1", { status })]) }, /^fail pod: weir-1 has no node: 0\/1 nodes/);
  });
  test("was evicted", () =>
    only(
      { pods: ok([pod("weir-1", { status: { phase: "Failed", reason: "Evicted", message: "disk" } })]) },
      /^warn pod: weir-1 ended \(Evicted: disk\)/,
    ));
  test("was started anew many times", () => {
    const status = { name: "prover", restartCount: 4, state: {}, lastState: { terminated: { exitCode: 9 } } };
    only(
      { pods: ok([pod("weir-1", { status: { containerStatuses: [status] } })]) },
      /^warn pod: prover was started 4 times anew, last after exit status 9/,
    );
  });
});

describe("volumes", () => {
  const claim = (phase: string, used = 1) => [
    { name: "weir", found: ok({ metadata: { name: "weir" }, status: { phase } }), use: ok({ used, capacity: 100 }) },
  ];
  test("that are not bound", () => only({ claims: claim("Pending") }, /^fail volume: the claim weir is Pending/));
  test("that are nearly full", () => only({ claims: claim("Bound", 90) }, /^warn volume: the claim weir is 90 % full/));
  test("that are full", () => only({ claims: claim("Bound", 99) }, /^fail volume: the claim weir is 99 % full: no new module/));
  test("that are not there", () =>
    only({ claims: [{ name: "x", found: refused(404), use: undefined }] }, /^fail volume: the claim x is not there/));
});

describe("admission", () => {
  test("is off", () => assert.deepEqual(troubles({ admission: refused(404), admits: false, refusal: undefined }), []));
  test("has lost its configuration", () =>
    only({ admission: refused(404), refusal: undefined }, /^warn admission: .* is not there; make it as the chart does: until then/));
  test("has a configuration that leads to nobody", () =>
    only({ admits: false }, /^warn admission: .*not told to answer; set admission\.enabled/));
  test("has no caBundle yet", () => only({ refusal: undefined }, /^warn admission: it has no caBundle yet.*without being judged first/));
  test("does not answer", () => only({ refusal: ok({}) }, /^warn admission: a WasmFilter that cannot be was let through/));
  test("cannot be tried: no trouble, since whoever tests an installation is not given that right", () =>
    assert.deepEqual(troubles({ refusal: refused(403, "may not create wasmfilters") }), []));
  test("fails when it is tried", () => only({ refusal: refused(500, "etcd is away") }, /^warn admission: not looked at: etcd is away/));
});

describe("injection", () => {
  const hook = (clientConfig: object) => ok({ webhooks: [{ name: "a", failurePolicy: "Fail", clientConfig }] });
  test("is off where nobody asks for it", () =>
    assert.deepEqual(troubles({ webhook: refused(404), injected: ok([]), trial: undefined }), []));
  test("is off where namespaces ask for it", () =>
    only({ webhook: refused(404), trial: undefined }, /^fail injection: is off, but shop ask for it/));
  test("has no caBundle yet: says what that means", () =>
    only({ webhook: hook({}) }, /^fail webhook: it has no caBundle yet.*: until then no pod starts in labelled namespaces; see/));
  test("has no endpoint", () => only({ endpoints: ok([]) }, /^fail webhook: the Service .* has no ready endpoint/));
  test("does not answer", () =>
    only({ trial: refused(500, 'failed calling webhook "a": timeout') }, /^fail webhook: it does not answer: failed calling webhook/));
  test("cannot be tried", () => only({ trial: refused(403, "may not create pods") }, /^warn webhook: not tried/));
  test("leaves a pod out", () =>
    only({ trial: ok(pod("weir-check-x")) }, /^fail webhook: a pod that was tried in namespace shop got no sidecar/));
  test("came after the pods", () =>
    only(
      { workloads: ok([pod("old-1", withPort), pod("old-2", withPort)]) },
      /^warn injection: without a sidecar: shop\/old-1, shop\/old-2: older than the label.*kubectl rollout restart/,
    ));
  test("finds nothing to do in a pod: says why, and not that it is to be started anew", () =>
    only({ workloads: ok([pod("plain")]) }, /^warn injection: without a sidecar: shop\/plain: no container of it declares a TCP port/));
  test("is not for those that said no, have ended, or use the node's network", () => {
    const pods = [
      pod("a", { annotations: { "weir.dev/inject": "false" } }),
      pod("b", { status: { phase: "Succeeded" } }),
      pod("c", { spec: { containers: [], hostNetwork: true } }),
    ];
    assert.deepEqual(troubles({ workloads: ok(pods) }), []);
  });
  test("needs mapped ports where Pod Security allows no iptables", () => {
    const level = { "pod-security.kubernetes.io/enforce": "restricted" };
    only({ injected: ok([namespace("shop", level)]) }, /^warn capture: shop: .*weir\.dev\/ports/);
    assert.deepEqual(troubles({ injected: ok([namespace("shop", level, { "weir.dev/ports": "8080=15080" })]) }), []);
  });
});
