import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { parse, parseAllDocuments, stringify } from "yaml";
import type { KubeApi } from "../model/kube.ts";
import { pushModule } from "../oci/index.ts";
import { ROOT } from "../scripts/tests/files.ts";
import { accessTo, type Cluster, kubectl, startCluster } from "./support/cluster.ts";
import { helmOk } from "./support/helm.ts";
import { eventually, type Process, startProcess } from "./support/process.ts";
import { type Registry, startRegistry } from "./support/registry.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { headerFilter } from "./support/wat.ts";

/** What the ServiceAccount of the chart may do, and what Weir says when it may not: on a real API server, as that account. */

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

interface Role {
  readonly kind: "ClusterRole" | "Role";
  readonly metadata: { readonly name: string };
  readonly rules: readonly Rule[];
}

/** One verb on one resource (or one object of it), and the role without it. */
interface Right {
  readonly verb: string;
  readonly resource: string;
  readonly object: string | undefined;
  readonly role: Role;
  readonly without: readonly Rule[];
}

const FILTERS = "/apis/weir.dev/v1alpha1/namespaces/default/wasmfilters";
const CONFIGURATION = "weir-weir-system";
const KEYS = ["weir-private-key", "weir-authority"];
const open: (() => Promise<unknown>)[] = [];
let cluster: Cluster;
let registry: Registry;
let account: string;
/** A token of the account for Weir itself. */
let planner: string;
let api: KubeApi;

const temp = await createTempFolder("rbac");
const folder = temp.path;
open.push(temp.remove);

// Pod certificates: test/pod-certificates-api.test.ts. Tokens: test/identity-cluster.test.ts. Secrets of one namespace: where Weir may list those of every namespace, the rights on its own are not missed.
const VALUES = [
  "image.repository=registry.example/weir",
  "proxyImage.repository=registry.example/envoy",
  "identity.podCertificates=off",
  "identity.tokenReview=false",
  "rbac.referencesIn={default}",
];
const RENDERED = await helmOk(
  ["template", "weir", join(ROOT, "charts/weir"), "-n", "weir-system", "--skip-tests", ...VALUES.flatMap((value) => ["--set", value])],
  {
    home: folder,
  },
);
const OBJECTS = parseAllDocuments(RENDERED).map((document) => document.toJS());
const READERS = "weir-ca-reader";
const ROLES: readonly Role[] = OBJECTS.filter(
  ({ kind, metadata }) => kind === "ClusterRole" || (kind === "Role" && metadata.name !== READERS),
);

before(async () => {
  cluster = await startCluster();
  open.push(cluster.stop);
  registry = await startRegistry();
  open.push(registry.stop);
  await kube(["create", "namespace", "weir-system"]);
  await kube(["apply", "-f", "-"], RENDERED);
  await kube(["wait", "--for=condition=Established", "crd/wasmfilters.weir.dev", "--timeout=30s"]);
  account = await accountKubeconfig();
  planner = (await kube(["-n", "weir-system", "create", "token", "weir", "--audience", "weir.dev"])).trim();
  api = accessTo(cluster.kubeconfig).api;
  await makeInjectedPod();
  await kube(["create", "namespace", "injected"]);
  await kube(["label", "namespace", "injected", "weir.dev/inject=true"]);
  const pushed = await pushModule(`${registry.host}/mark:1`, await headerFilter({ name: "x-weir", value: "one" }), { keychain: new Map() });
  assert.ok(pushed.ok, JSON.stringify(pushed));
});

after(async () => {
  for (const close of open.reverse()) await close();
});

function kube(args: readonly string[], input?: string): Promise<string> {
  return kubectl(args, { ...cluster, input });
}

/** A kubeconfig with a token of the chart's ServiceAccount, as its pod has one. */
async function accountKubeconfig(): Promise<string> {
  const config = parse(await readFile(cluster.kubeconfig, "utf8"));
  config.users[0].user.token = (await kube(["-n", "weir-system", "create", "token", "weir"])).trim();
  const path = join(folder, "account.kubeconfig");
  await writeFile(path, stringify(config), { mode: 0o600 });
  return path;
}

/** A pod that knows another authority, as one has it that was injected before a rotation. */
async function makeInjectedPod(): Promise<void> {
  const metadata = { name: "web", namespace: "default", labels: { "weir.dev/injected": "true" }, annotations: { "weir.dev/ca": "old" } };
  await kube(
    ["apply", "-f", "-"],
    JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata, spec: { containers: [{ name: "a", image: "a/b:1" }] } }),
  );
}

/** Every right of the roles. */
function rights(): Right[] {
  return ROLES.flatMap((role) =>
    role.rules.flatMap((rule, index) =>
      rule.resources.flatMap((resource) =>
        rule.verbs.map((verb) => {
          const rest = [
            { ...rule, resources: rule.resources.filter((other) => other !== resource) },
            { ...rule, resources: [resource], verbs: rule.verbs.filter((other) => other !== verb) },
          ].filter(({ resources, verbs }) => resources.length > 0 && verbs.length > 0);
          const without = role.rules.flatMap((other, at) => (at === index ? rest : [other]));
          return { verb, resource, object: rule.resourceNames?.[0], role, without };
        }),
      ),
    ),
  );
}

const grant = (role: Role, rules: readonly Rule[]) => kube(["replace", "-f", "-"], JSON.stringify({ ...role, rules }));

const filter = (name: string, spec: object) =>
  JSON.stringify({ apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: { name, namespace: "default" }, spec });

/** For namespaces by a label, and never in the way. */
const policy = (change: number) =>
  JSON.stringify({
    ...{ apiVersion: "weir.dev/v1alpha1", kind: "WasmPolicy", metadata: { name: "few" } },
    spec: { namespaceSelector: { matchExpressions: [{ key: "free", operator: "DoesNotExist" }] }, maxFiltersPerSlot: 100 + change },
  });

/** As the administrator, and faster than kubectl. */
async function patch(name: string, body: unknown): Promise<void> {
  const done = await api.request({ method: "PATCH", path: `${FILTERS}/${name}`, contentType: "application/merge-patch+json", body });
  assert.ok(done.ok, JSON.stringify(done));
}

interface Scene {
  readonly server: Process;
  /** Log lines and conditions. */
  said(): Promise<string>;
  /** Makes a pod (dry run) in a namespace whose pods get Envoy. False: it did not. */
  inject(): Promise<boolean>;
  /** Asks for a plan, as an account of the cluster. Gives the status of the answer. */
  plan(): Promise<number | undefined>;
  /** Makes new revisions, and writes that meet Weir's own. */
  change(): Promise<void>;
  end(): Promise<void>;
}

/** A `weir serve` as the account, and filters that ask for everything that it does: a Secret, a ConfigMap, and revisions that come and go. */
async function startScene(): Promise<Scene> {
  const image = `${registry.host}/mark:1`;
  const key = { name: "texts", key: "a" };
  await kube(["create", "secret", "generic", "texts", "--from-literal=a=1"]);
  await kube(["create", "configmap", "texts", "--from-literal=a=1"]);
  const filters = [
    filter("secret", { image, configFrom: { secretKeyRef: key } }),
    filter("map", { image, configFrom: { configMapKeyRef: key } }),
    filter("changing", { image }),
    filter("turning", { image }),
  ];
  await kube(["apply", "-f", "-"], [...filters, policy(0)].join("\n---\n"));
  const server = await startProcess(
    join(ROOT, "bin/weir"),
    [
      ...["serve", "--kubeconfig", account, "--data", join(folder, "data"), "--allow-address", "127.0.0.1", "--log-format", "text"],
      ...["--xds-address", "127.0.0.1:0", "--http-address", "127.0.0.1:0"],
      ...["--key-store", "secret", "--own-namespace", "weir-system", "--xds-tls", "auto", "--xds-name", "weir.weir-system.svc"],
      ...["--lease", "weir", "--peer-address", "127.0.0.1:0", "--peer", "127.0.0.1:1"],
      ...["--webhook-address", "127.0.0.1:0", "--webhook-configuration", CONFIGURATION, "--proxy-image", "registry.example/envoy:1"],
      ...["--admission-configuration", CONFIGURATION],
    ],
    { name: "weir serve" },
  );
  let changes = 0;
  let webhook: string | undefined;
  let denied = "";
  return {
    server,
    said: async () => server.logs() + denied + (await kube(["get", "wf", "-o", "jsonpath={.items[*].status.conditions}"])),
    async inject() {
      // There is no kube-proxy: the API server is led to the port itself.
      const found = / webhook=(\S+)/.exec(server.logs())?.[1];
      if (found === undefined) return false;
      if (found !== webhook) await leadTo(found);
      webhook = found;
      const pod = { ...INJECTED, metadata: { name: "tried", namespace: "injected" } };
      const path = "/api/v1/namespaces/injected/pods";
      const made = await api.request({ method: "POST", path, query: { dryRun: "All" }, body: pod });
      if (!made.ok) denied = `\n${made.error.message}\n`;
      return made.ok && JSON.stringify(made.value).includes("weir-envoy");
    },
    async plan() {
      const url = / http=(\S+)/.exec(server.logs())?.[1];
      if (url === undefined) return undefined;
      const headers = { "content-type": "application/json", authorization: `Bearer ${planner}` };
      const body = JSON.stringify({ kind: "List", items: [JSON.parse(filter("planned", { image }))] });
      return (await fetch(`${url}/api/v1/plan`, { method: "POST", headers, body })).status;
    },
    async change() {
      changes += 1;
      const notes = Array.from({ length: 20 }, (_, n) => patch("changing", { metadata: { annotations: { n: `${changes}.${n}` } } }));
      await Promise.all([
        patch("changing", { spec: { revisionHistoryLimit: 1, config: { n: changes } } }),
        // The same Events again and again.
        patch("turning", { spec: { config: { n: changes % 2 } } }),
        ...notes,
        kube(["apply", "-f", "-"], policy(changes)),
      ]);
    },
    async end() {
      await server.stop();
      await kube(["delete", "wf", "--all"]);
      await kube(["delete", "wasmpolicy", "--all"]);
      await kube(["delete", "secret/texts", "configmap/texts"]);
    },
  };
}

const INJECTED = {
  ...{ apiVersion: "v1", kind: "Pod" },
  // The admission plugin that would say so is off here.
  spec: { serviceAccountName: "default", containers: [{ name: "a", image: "a/b:1", ports: [{ name: "http", containerPort: 8080 }] }] },
};

/** A configuration without a caBundle, which Weir has to write. */
async function leadTo(url: string): Promise<void> {
  const operations = [0, 1].map((index) => ({ op: "replace", path: `/webhooks/${index}/clientConfig`, value: { url } }));
  await kube(["patch", "mutatingwebhookconfiguration", CONFIGURATION, "--type=json", "-p", JSON.stringify(operations)]);
  await kube(["patch", "validatingwebhookconfiguration", CONFIGURATION, "--type=json", "-p", JSON.stringify(operations.slice(0, 1))]);
}

/** What must be so before a right is used at all. */
async function prepare({ verb, object, resource, role }: Right): Promise<void> {
  if (resource === "pods") await kube(["annotate", "--overwrite", "pod", "web", "weir.dev/ca=old"]);
  if (role.kind === "Role" && resource === "configmaps" && verb === "create")
    await kube(["-n", "weir-system", "delete", "configmap", "weir-ca", "--ignore-not-found"]);
  if (resource === "leases" && verb === "create") await kube(["-n", "weir-system", "delete", "lease", "weir", "--ignore-not-found"]);
  if (role.kind !== "Role" || resource !== "secrets") return;
  if (verb === "create") await kube(["-n", "weir-system", "delete", "secret", ...KEYS]);
  if (verb === "patch")
    await kube(["-n", "weir-system", "annotate", "--overwrite", "secret", object ?? "", `weir.dev/rotate=${Date.now()}`]);
}

describe("the rights of the chart", () => {
  test("with all of them nothing is refused", { timeout: 120_000 }, async () => {
    const scene = await startScene();
    try {
      const ready = async (name: string) =>
        (await kube(["get", "wf", name, "-o", 'jsonpath={.status.conditions[?(@.type=="Ready")].status}'])) === "True";
      await eventually("the filters to be ready", async () => (await ready("secret")) && (await ready("map")), 60_000);
      for (let count = 0; count < 6; count++) {
        await scene.change();
        await eventually("the change", () => ready("changing"), 30_000);
      }
      await eventually("an injected pod", () => scene.inject(), 30_000);
      assert.equal(await scene.plan(), 403, "the account may not create filters");
      assert.doesNotMatch(await scene.said(), /forbidden|cannot \w+ resource|may not/);
    } finally {
      await scene.end();
    }
  });

  for (const right of rights()) {
    const { verb, resource, object, role, without } = right;
    test(`without ${verb} of ${resource}${object === undefined ? "" : ` ${object}`} (${role.metadata.name}) Weir says so`, {
      timeout: 120_000,
    }, async (t) => {
      await grant(role, without);
      await prepare(right);
      const scene = await startScene();
      // A list that is refused is told as the watch that it is for.
      const verbs = object !== undefined && verb === "list" ? "(?:list|watch)" : verb;
      const missed = new RegExp(`cannot ${verb} resource .?"${resource}.?"|may not ${verbs} ${resource}.*${object ?? ""}`);
      let hasEnded = false;
      void scene.server.exited.then(() => {
        hasEnded = true;
      });
      try {
        const line = await eventually(
          `${missed}`,
          async () => {
            if (!hasEnded) await Promise.all([scene.change(), scene.inject(), scene.plan()]);
            return (await scene.said()).split(/\n|(?<=\})/).find((text) => missed.test(text));
          },
          60_000,
        ).catch(async (error: Error) => {
          throw new Error(`${error.message}\n${(await scene.said()).slice(-6_000)}`);
        });
        t.diagnostic(line.slice(0, 400));
        // Its own keys it cannot do without: then it ends, a moment after these last words.
        const ends = role.kind === "Role" && resource === "secrets" && (verb === "get" || verb === "create");
        if (ends) await eventually("its end", () => hasEnded, 10_000);
        else assert.equal(hasEnded, false);
      } finally {
        await scene.end();
        await grant(role, role.rules);
      }
    });
  }
});
