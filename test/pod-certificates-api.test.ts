import assert from "node:assert/strict";
import { generateKeyPairSync, sign, X509Certificate } from "node:crypto";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { createAuthority, findPodCertificates, fixedAuthority, startSigner } from "../cluster/index.ts";
import { systemClock } from "../model/clock.ts";
import { silentLog } from "../model/log.ts";
import { accessTo, type Cluster, installCrds, kubectl, rightCounts, startCluster } from "./support/cluster.ts";
import { reservePort } from "./support/ports.ts";
import { eventually } from "./support/process.ts";
import { OWN_NAMESPACE, REPLICA_FLAGS } from "./support/replica-scene.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { startWeir, type Weir } from "./support/weir.ts";

const DAY = 86_400_000;
const API = "certificates.k8s.io/v1beta1";
/** Everything that the signer asks of the API. */
const RULES = [
  { apiGroups: ["certificates.k8s.io"], resources: ["podcertificaterequests"], verbs: ["get", "list", "watch"] },
  { apiGroups: ["certificates.k8s.io"], resources: ["podcertificaterequests/status"], verbs: ["patch"] },
  { apiGroups: ["certificates.k8s.io"], resources: ["signers"], resourceNames: ["weir.dev/proxy"], verbs: ["sign", "attest"] },
  { apiGroups: ["certificates.k8s.io"], resources: ["clustertrustbundles"], verbs: ["create"] },
  { apiGroups: ["certificates.k8s.io"], resources: ["clustertrustbundles"], resourceNames: ["weir.dev:proxy:ca"], verbs: ["get", "patch"] },
  { apiGroups: [""], resources: ["pods"], verbs: ["get"] },
];

let cluster: Cluster;

before(async () => {
  const resources = ["podcertificaterequests", "clustertrustbundles"].map((name) => `${API}/${name}=true`);
  cluster = await startCluster({
    users: ["operator", "no-sign", "no-attest"],
    flags: ["--feature-gates=PodCertificateRequest=true,ClusterTrustBundle=true", `--runtime-config=${resources.join(",")}`],
  });
  const without = (verb: string) => RULES.map((rule) => ({ ...rule, verbs: rule.verbs.filter((one) => one !== verb) }));
  for (const [user, rules] of [
    ["operator", RULES],
    ["no-sign", without("sign")],
    ["no-attest", without("attest")],
  ] as const) {
    const role = { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", metadata: { name: user }, rules };
    await kubectl(["apply", "-f", "-"], { ...cluster, input: JSON.stringify(role) });
    await kubectl(["create", "clusterrolebinding", user, `--clusterrole=${user}`, `--user=${user}`], cluster);
    await rightCounts(cluster, user, "get", "pods", "--all-namespaces");
  }
});

after(() => cluster?.stop());

async function start(
  t: TestContext,
  { user = "operator", namespace = "weir-system", authority = createAuthority("Weir", Date.now(), 365 * DAY), skewMs = 0 } = {},
) {
  const access = accessTo(await cluster.kubeconfigFor(user));
  const found = await findPodCertificates(access.api);
  assert.ok(found.ok && found.value !== undefined);
  assert.deepEqual(found.value, { requests: API, bundles: API });
  const warnings: string[] = [];
  const log = { ...silentLog, warn: (message: string, facts = {}) => void warnings.push(`${message} ${JSON.stringify(facts)}`) };
  const clock = { ...systemClock, now: () => Date.now() + skewMs };
  const stop = startSigner({
    cluster: access,
    found: found.value,
    authority: fixedAuthority(authority),
    namespace,
    trustDomain: "weir",
    clock,
    log,
  });
  t.after(stop);
  return { authority, warnings, stop };
}

let count = 0;

/** Makes a pod and asks for its certificate, as its kubelet does. */
async function ask(changed: object = {}, keyType: "ec" | "ed25519" = "ec") {
  const name = `web-${++count}`;
  const pod = {
    ...{ apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "default" } },
    spec: { nodeName: "n1", serviceAccountName: "web", containers: [{ name: "a", image: "a" }] },
  };
  const { metadata } = JSON.parse(await kubectl(["create", "-o", "json", "-f", "-"], { ...cluster, input: JSON.stringify(pod) }));
  const keys = keyType === "ec" ? generateKeyPairSync("ec", { namedCurve: "P-256" }) : generateKeyPairSync("ed25519");
  const proof = sign(keyType === "ec" ? "sha256" : null, Buffer.from(String(metadata.uid)), keys.privateKey);
  const request = {
    ...{ apiVersion: API, kind: "PodCertificateRequest", metadata: { name, namespace: "default" } },
    spec: {
      ...{ signerName: "weir.dev/proxy", podName: name, podUID: metadata.uid, serviceAccountName: "web", serviceAccountUID: "s" },
      ...{ nodeName: "n1", nodeUID: "n", maxExpirationSeconds: 3_600, proofOfPossession: proof.toString("base64") },
      ...{ pkixPublicKey: keys.publicKey.export({ type: "spki", format: "der" }).toString("base64"), ...changed },
    },
  };
  await kubectl(["create", "-f", "-"], { ...cluster, input: JSON.stringify(request) });
  return { name, uid: String(metadata.uid) };
}

async function get(...what: string[]) {
  return JSON.parse(await kubectl(["get", ...what, "-o", "json"], cluster));
}

/** The status of a request that was answered. */
function answered(name: string) {
  return eventually("an answer", async () => {
    const { status } = await get("podcertificaterequests", name);
    return status?.conditions === undefined ? undefined : status;
  });
}

test("a request is answered with a certificate that names the pod, also where it waited; the bundle is beside it", async (t) => {
  const early = await ask();
  const { authority, warnings } = await start(t);
  const late = await ask();
  for (const { name, uid } of [early, late]) {
    const status = await answered(name);
    assert.equal(status.conditions[0].type, "Issued");
    const certificate = new X509Certificate(status.certificateChain);
    assert.equal(certificate.subjectAltName, `URI:spiffe://weir/ns/default/sa/web/pod/${name}/${uid}`);
    assert.ok(certificate.checkIssued(new X509Certificate(authority.cert)));
  }
  const { spec } = await get("clustertrustbundle", "weir.dev:proxy:ca");
  assert.deepEqual(spec, { signerName: "weir.dev/proxy", trustBundle: authority.cert });
  assert.deepEqual(warnings, []);
});

test("what is wrong is denied with a reason that stands in the request", async (t) => {
  await start(t);
  for (const [asked, reason, message] of [
    [await ask({ nodeName: "n2" }), "PodMismatch", /does not run on the node n2/],
    [await ask({ serviceAccountName: "admin" }), "PodMismatch", /does not run as the service account admin/],
    [await ask({ unverifiedUserAnnotations: { "a.example/b": "c" } }), "InvalidUnverifiedUserAnnotations", /leave them out/],
    [await ask({}, "ed25519"), "UnsupportedKeyType", /keyType: ECDSAP256/],
  ] as const) {
    const { conditions, certificateChain } = await answered(asked.name);
    assert.deepEqual([conditions[0].type, conditions[0].reason, certificateChain], ["Denied", reason, undefined]);
    assert.match(conditions[0].message, message);
  }
});

for (const skew of [-5, 5]) {
  test(`a clock that is ${Math.abs(skew)} minutes ${skew < 0 ? "behind" : "ahead"} still signs what the API server takes`, async (t) => {
    await start(t, { skewMs: skew * 60_000 });
    const { name } = await ask();
    assert.equal((await answered(name)).conditions[0].type, "Issued");
  });
}

test("a right that is missing is named: to sign, to attest", async (t) => {
  const first = await start(t, { user: "no-sign" });
  const { name } = await ask();
  await eventually("words", async () =>
    first.warnings.some((line) => /may not sign signers in the whole cluster .weir.dev.proxy.; grant it that verb/.test(line)),
  );
  await first.stop();
  const second = await start(t, { user: "no-attest", authority: createAuthority("another", Date.now(), 365 * DAY) });
  await eventually("words", async () =>
    second.warnings.some((line) => /may not patch clustertrustbundles .*and attest signers weir.dev\/proxy/.test(line)),
  );
  await second.stop();
  await start(t);
  assert.equal((await answered(name)).conditions[0].type, "Issued");
});

test("the Weir of another namespace signs nothing while the bundle is not its own", async (t) => {
  await (await start(t)).stop();
  const { warnings } = await start(t, { namespace: "elsewhere" });
  const { name } = await ask();
  await eventually("words", async () =>
    warnings.some((line) => /belongs to the Weir of the namespace weir-system; set --pod-certificates off/.test(line)),
  );
  assert.equal((await get("podcertificaterequests", name)).status?.conditions, undefined);
});

test("of three replicas the one that decides signs, and the next one when it is gone", { timeout: 120_000 }, async (t) => {
  await installCrds(cluster);
  await kubectl(["create", "namespace", OWN_NAMESPACE], cluster);
  const folder = await createTempFolder("signers");
  t.after(folder.remove);
  const ports = [await reservePort(), await reservePort(), await reservePort()];
  const peers = ports.flatMap((port) => ["--peer", `127.0.0.1:${port}`]);
  const servers: Weir[] = [];
  for (const [index, port] of ports.entries()) {
    const flags = [...REPLICA_FLAGS, ...peers, "--peer-address", `127.0.0.1:${port}`, "--pod-certificates", "on"];
    const source = ["--kubeconfig", cluster.kubeconfig];
    const data = join(folder.path, `data-${index}`);
    const server = await startWeir({ source, data, flags: [...flags, "--xds-tls", "auto", "--xds-name", "weir.example"] });
    t.after(server.stop);
    servers.push(server);
  }
  const signing = () => servers.filter((server) => server.logs().includes("pod certificates are signed"));
  const authority = async () => Buffer.from((await get("secret", "-n", OWN_NAMESPACE, "weir-authority")).data["ca.crt"], "base64");
  for (let leaders = 1; leaders < servers.length; leaders++) {
    const [leader] = await eventually("one that decides", async () => {
      const led = await Promise.all(servers.map(async (each) => /^weir_leading 1$/m.test(await each.metrics().catch(() => ""))));
      const found = servers.filter((_, index) => led[index]);
      return found.length === 1 ? found : undefined;
    });
    const asked = [await ask(), await ask(), await ask()];
    for (const { name } of asked) {
      const { conditions, certificateChain } = await answered(name);
      assert.equal(conditions[0].type, "Issued");
      assert.ok(new X509Certificate(certificateChain).checkIssued(new X509Certificate(await authority())));
    }
    assert.ok(signing().length === leaders && signing().includes(leader as Weir), `${signing().length} sign`);
    await leader?.stop();
  }
  for (const server of servers) assert.doesNotMatch(server.logs(), /a pod certificate is not signed|could not be looked at/);
});
