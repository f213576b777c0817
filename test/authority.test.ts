import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { type KeyStore, openKeyStore } from "../cli/serve/key-store.ts";
import { keepBundleInConfigMap, keepBundleInPods } from "../cluster/index.ts";
import { systemClock } from "../model/clock.ts";
import type { ClusterAccess } from "../model/kube.ts";
import { type Log, silentLog } from "../model/log.ts";
import type { Result } from "../model/result.ts";
import { accessTo, type Cluster, kubectl, rightCounts, startCluster } from "./support/cluster.ts";
import { eventually } from "./support/process.ts";
import { createTempFolder } from "./support/temp-folder.ts";

const DOCS = new URL("../docs/cluster.md", import.meta.url);
const OPERATOR = "operator";
let cluster: Cluster;

before(async () => {
  cluster = await startCluster({ users: [OPERATOR] });
});

after(() => cluster?.stop());

/** A namespace of its own, where `operator` may do `verbs` to Secrets and ConfigMaps. */
async function namespaceOf(name: string, verbs: readonly string[] = ["create", "get", "list", "watch", "patch"]): Promise<string> {
  await kubectl(["create", "namespace", name], cluster);
  const [verb] = verbs;
  if (verb === undefined) return name;
  await kubectl(["create", "role", "keys", "-n", name, `--verb=${verbs.join(",")}`, "--resource=secrets,configmaps"], cluster);
  await kubectl(["create", "rolebinding", "keys", "-n", name, "--role=keys", `--user=${OPERATOR}`], cluster);
  await rightCounts(cluster, OPERATOR, verb, "secrets", "-n", name);
  return name;
}

async function accessOf(user: string): Promise<ClusterAccess> {
  return accessTo(await cluster.kubeconfigFor(user));
}

async function keysOf(
  t: TestContext,
  namespace: string,
  { folder, user = OPERATOR, log = silentLog }: { folder?: string; user?: string; log?: Log } = {},
): Promise<KeyStore> {
  const made = folder === undefined ? await createTempFolder("authority") : undefined;
  if (made !== undefined) t.after(made.remove);
  const dataDir = folder ?? made?.path ?? "";
  const store = openKeyStore("secret", { dataDir, cluster: await accessOf(user), namespace, log });
  assert.ok(store.ok);
  return store.value;
}

function must<T>(result: Result<T>): T {
  assert.ok(result.ok, result.ok ? "" : result.error.message);
  return result.value;
}

async function secret(namespace: string, name: string): Promise<Record<string, string>> {
  const { data } = JSON.parse(await kubectl(["get", "secret", name, "-n", namespace, "-o", "json"], cluster));
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(String(value), "base64").toString("latin1")]));
}

describe("keys in Secrets", () => {
  test("those who start at once get one private key and one authority; who starts later gets the same", async (t) => {
    const namespace = await namespaceOf("at-once");
    const stores = await Promise.all([1, 2, 3, 4].map(() => keysOf(t, namespace)));
    const keys = await Promise.all(stores.map((store) => store.privateKey()));
    const authorities = await Promise.all(stores.map((store) => store.authority()));
    keys.push(await (await keysOf(t, namespace)).privateKey());
    assert.equal(new Set(keys.map((key) => Buffer.from(must(key)).toString("hex"))).size, 1);
    const [ca, ...others] = new Set(authorities.map((authority) => must(authority).signing().cert));
    assert.equal(others.length, 0);
    assert.equal((await secret(namespace, "weir-authority"))["ca.crt"], ca);
    assert.equal((await secret(namespace, "weir-private-key")).key?.length, 32);
  });

  test("a key and an authority that were below --data are taken over, and kept there", async (t) => {
    const namespace = await namespaceOf("moved");
    const { path: dataDir, remove } = await createTempFolder("authority-moved");
    t.after(remove);
    const files = openKeyStore("file", { dataDir, cluster: undefined, namespace: undefined, log: silentLog });
    const [key, authority] = [must(await must(files).privateKey()), must(await must(files).authority())];
    const store = await keysOf(t, namespace, { folder: dataDir });
    assert.deepEqual(Buffer.from(must(await store.privateKey())), Buffer.from(key));
    assert.equal(must(await store.authority()).signing().cert, authority.signing().cert);
    assert.deepEqual(await readFile(join(dataDir, "private/key")), Buffer.from(key));
    // What is in the Secret counts from then on.
    await writeFile(join(dataDir, "private/key"), Buffer.alloc(32));
    assert.deepEqual(Buffer.from(must(await store.privateKey())), Buffer.from(key));
  });

  for (const [missing, pattern] of [
    ["get", /may not get secrets in the namespace no-get \(no-get\/weir-(private-key|authority)\); grant it that verb/],
    ["create", /may not create secrets in the namespace no-create \(no-create\/weir-(private-key|authority)\); grant it that verb/],
  ] as const) {
    test(`without the verb ${missing} a start says so`, async (t) => {
      const namespace = await namespaceOf(`no-${missing}`, missing === "get" ? ["create"] : ["get"]);
      const store = await keysOf(t, namespace);
      for (const opened of [await store.privateKey(), await store.authority()])
        assert.match(opened.ok ? "" : opened.error.message, pattern);
    });
  }

  test("without a namespace of that name, or with a Secret that is not whole, a start says what to do", async (t) => {
    const gone = await (await keysOf(t, "no-such", { user: "admin" })).privateKey();
    assert.match(
      gone.ok ? "" : gone.error.message,
      /namespaces "no-such" not found; make the namespace no-such, or name another with --own-namespace/,
    );
    const namespace = await namespaceOf("not-whole");
    await kubectl(["create", "secret", "generic", "weir-private-key", "-n", namespace, "--from-literal=key=short"], cluster);
    await kubectl(["create", "secret", "generic", "weir-authority", "-n", namespace, "--from-literal=ca.crt=none"], cluster);
    const store = await keysOf(t, namespace);
    const [key, authority] = [await store.privateKey(), await store.authority()];
    assert.match(key.ok ? "" : key.error.message, /not-whole\/weir-private-key has 5 bytes in "key", a private key has 32; restore it/);
    assert.match(
      authority.ok ? "" : authority.error.message,
      /not-whole\/weir-authority cannot be used: ca.crt and ca.key are no authority/,
    );
  });
});

describe("an authority in a Secret", () => {
  test("is rotated by an annotation, for each that follows it, and written again when somebody removes it", async (t) => {
    const namespace = await namespaceOf("rotated");
    const stores = await Promise.all([1, 2].map(() => keysOf(t, namespace)));
    const all = await Promise.all(stores.map(async (store) => must(await store.authority())));
    for (const stop of all.map((authority) => authority.start())) t.after(stop);
    const [first] = all;
    assert.ok(first !== undefined);
    const { api } = await accessOf(OPERATOR);
    t.after(keepBundleInConfigMap({ api, bundle: first, namespace, clock: systemClock, log: silentLog }));
    const [, path = ""] = /get configmap weir-ca -o jsonpath='(.*)'$/m.exec(await readFile(DOCS, "utf8")) ?? [];
    const published = () => kubectl(["get", "configmap", "weir-ca", "-n", namespace, "-o", `jsonpath=${path}`], cluster).catch(() => "");
    const isPublished = () => eventually("the ConfigMap has what counts", async () => (await published()) === first.current());
    await isPublished();
    const seen = () =>
      all.map((authority) => `${authority.current().match(/BEGIN/g)?.length} ${authority.signing().cert === old ? "old" : "new"}`);
    const old = all[0]?.signing().cert;
    const annotate = (text: string) => kubectl(["annotate", "secret", "weir-authority", "-n", namespace, "--overwrite", text], cluster);
    await annotate("weir.dev/rotate=1");
    await eventually("both count", async () => seen().every((one) => one === "2 old"));
    await isPublished();
    // Somebody who does not want to wait for a quarter of an hour sets the time that the Secret tells.
    await annotate("weir.dev/next-signs-at=2026-01-01T00:00:00Z");
    await eventually("the new one signs", async () => seen().every((one) => one === "2 new"));
    await annotate("weir.dev/previous-counts-until=2026-01-01T00:00:00Z");
    await eventually("the old one is gone", async () => seen().every((one) => one === "1 new"));
    await isPublished();
    const before = await secret(namespace, "weir-authority");
    assert.deepEqual(Object.keys(before).sort(), ["ca.crt", "ca.key"]);
    await kubectl(["delete", "secret", "weir-authority", "-n", namespace], cluster);
    await eventually("the Secret again", () => secret(namespace, "weir-authority").catch(() => undefined));
    assert.deepEqual(await secret(namespace, "weir-authority"), before);
    assert.ok(new X509Certificate(String(before["ca.crt"])).ca);
  });
});

test("an authority that may not be watched, or rotated, says so and serves", async (t) => {
  const namespace = await namespaceOf("no-patch", ["create", "get", "list"]);
  const lines: string[] = [];
  const note = (message: string, facts = {}) => void lines.push(`${message} ${JSON.stringify(facts)}`);
  const store = await keysOf(t, namespace, { log: { ...silentLog, warn: note, error: note } });
  must(await store.authority());
  await kubectl(["annotate", "secret", "weir-authority", "-n", namespace, "weir.dev/rotate=1"], cluster);
  const authority = must(await store.authority());
  t.after(authority.start());
  for (const words of [
    /the authority stays as it is .*may not patch secrets in the namespace no-patch \(no-patch\/weir-authority\)/,
    /cannot be watched .*may not watch secrets in the namespace no-patch/,
  ])
    await eventually("words", async () => lines.some((line) => words.test(line)));
  assert.match(authority.signing().cert, /BEGIN CERTIFICATE/);
  assert.equal(lines.length, 2);
});

describe("the bundle in pods", () => {
  /** A pod with this label and this annotation, on no node. */
  async function makePod(namespace: string, name: string, injected: boolean, ca?: string): Promise<void> {
    const labels = injected ? { "weir.dev/injected": "true" } : {};
    const annotations = ca === undefined ? {} : { "weir.dev/ca": ca };
    const pod = {
      ...{ apiVersion: "v1", kind: "Pod", metadata: { name, namespace, labels, annotations } },
      spec: { containers: [{ name: "a", image: "a" }] },
    };
    await kubectl(["create", "-f", "-"], { ...cluster, input: JSON.stringify(pod) });
  }

  const bundles = async (namespace: string) => {
    const { items } = JSON.parse(await kubectl(["get", "pods", "-n", namespace, "-o", "json"], cluster));
    return items
      .map(({ metadata }: { metadata: { annotations?: Record<string, string> } }) => metadata.annotations?.["weir.dev/ca"] ?? "none")
      .join();
  };

  test("reaches pods that Weir injected when it changes, and no others; a right that is missing is named", async (t) => {
    const namespace = await namespaceOf("injected");
    await makePod(namespace, "a", true, "old");
    await makePod(namespace, "b", true);
    await makePod(namespace, "c", false, "foreign");
    let [text, tell] = ["old", () => {}];
    const bundle = {
      current: () => text,
      onChange(listener: () => void) {
        tell = listener;
        return () => {};
      },
    };
    const warnings: string[] = [];
    const log = { ...silentLog, warn: (_: string, facts = {}) => void warnings.push(JSON.stringify(facts)) };
    const { api } = await accessOf(OPERATOR);
    const refused = keepBundleInPods({ api, bundle, clock: systemClock, log });
    await eventually("words", async () => warnings.some((line) => /may not list pods in the whole cluster/.test(line)));
    await refused();
    await kubectl(["create", "clusterrole", "pods", "--verb=list,patch", "--resource=pods"], cluster);
    await kubectl(["create", "clusterrolebinding", "pods", "--clusterrole=pods", `--user=${OPERATOR}`], cluster);
    await rightCounts(cluster, OPERATOR, "list", "pods", "--all-namespaces");
    t.after(keepBundleInPods({ api, bundle, clock: systemClock, log }));
    await makePod(namespace, "d", true, "older");
    text = "old and new";
    tell();
    await eventually("the bundle in pods", async () => (await bundles(namespace)) === "old and new,none,foreign,old and new");
    assert.equal(warnings.length, 1);
  });
});
