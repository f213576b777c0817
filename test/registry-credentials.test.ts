import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { WasmFilter } from "../model/gen/wasmfilter.ts";
import { parseDockerConfig, pushModule } from "../oci/index.ts";
import { valued } from "../oci/testing/result.ts";
import { type Cluster, installCrds, kubectl, startCluster } from "./support/cluster.ts";
import { eventually } from "./support/process.ts";
import { type Registry, startRegistry } from "./support/registry.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { headerFilter } from "./support/wat.ts";
import { startWeir, type Weir } from "./support/weir.ts";

/** Credentials that no filter names, on a real API server and a registry that demands them. */
const auth = { username: "operator-robot", password: "hunter2-never-shown" };
const basic = Buffer.from(`${auth.username}:${auth.password}`).toString("base64");

let cluster: Cluster;
let registry: Registry;
let server: Weir;
let data: string;
const open: (() => Promise<unknown>)[] = [];
const kube = (args: readonly string[], input?: string) => kubectl(args, { kubeconfig: cluster.kubeconfig, input });
const configOf = () => JSON.stringify({ auths: { [registry.host]: { auth: basic } } });

before(async () => {
  const folder = await createTempFolder("registry-credentials");
  open.push(folder.remove);
  registry = await startRegistry({ auth });
  open.push(registry.stop);
  const keychain = valued(parseDockerConfig(configOf()));
  const module = await headerFilter({ name: "x-a", value: "1" });
  for (const name of ["shared/f", "team-a/f", "team-b/f"]) valued(await pushModule(`${registry.host}/${name}:1`, module, { keychain }));
  cluster = await startCluster();
  open.push(cluster.stop);
  await installCrds(cluster);
  for (const namespace of ["a", "b", "weir-system"]) await kube(["create", "namespace", namespace]);
  data = join(folder.path, "data");
  const file = join(folder.path, "auth.json");
  await writeFile(file, configOf());
  const grants = ["--shared-repository", `${registry.host}/shared`, "--shared-repository", `a=${registry.host}/team-a`];
  const flags = ["--allow-address", "127.0.0.1", "--own-namespace", "weir-system", "--registry-auth-file", file, ...grants];
  const accounts = ["--pull-service-account", "default", "--log-level", "debug"];
  server = await startWeir({ source: ["--kubeconfig", cluster.kubeconfig], data, flags: [...flags, ...accounts] });
  open.push(server.stop);
});

after(async () => {
  for (const stop of open.toReversed()) await stop();
});

/** Applies a filter of this image and waits for its condition Resolved; gives status, reason and message. */
async function resolve(namespace: string, name: string, repository: string): Promise<readonly [string, string, string]> {
  const image = `${registry.host}/${repository}:1`;
  const object = { apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: { name, namespace }, spec: { image, interval: "2s" } };
  await kube(["apply", "-f", "-"], JSON.stringify(object));
  return resolved(namespace, name, ({ status }) => status !== "Unknown");
}

type Condition = NonNullable<NonNullable<WasmFilter["status"]>["conditions"]>[number];

function resolved(namespace: string, name: string, isMeant: (condition: Condition) => boolean) {
  return eventually(`${namespace}/${name} resolved`, async () => {
    const { status } = JSON.parse(await kube(["get", "wf", name, "-n", namespace, "-o", "json"])) as WasmFilter;
    const found = status?.conditions?.find(({ type }) => type === "Resolved");
    return found !== undefined && isMeant(found) ? ([found.status, found.reason, found.message] as const) : undefined;
  });
}

describe("credentials that no filter names", () => {
  test("Weir's own are for its own namespace and for what is shared, with everybody or with one; a namespace with neither is denied", async () => {
    for (const [namespace, repository] of [
      ["weir-system", "team-b/f"],
      ["b", "shared/f"],
      ["a", "team-a/f"],
    ] as const)
      assert.equal((await resolve(namespace, repository.replace("/", "-"), repository))[0], "True", `${namespace}: ${repository}`);
    for (const [namespace, repository] of [
      ["a", "team-b/f"],
      ["b", "team-a/f"],
    ] as const) {
      const [status, reason, message] = await resolve(namespace, repository.replace("/", "-"), repository);
      assert.deepEqual([status, reason], ["False", "AccessDenied"], message);
      assert.ok(message.includes("name a pull secret") && !message.includes(auth.username), message);
    }
  });

  test("those of the namespace's ServiceAccount are used as soon as it names them", async () => {
    await kube([
      "create",
      "secret",
      "docker-registry",
      "regcred",
      "-n",
      "b",
      "--docker-server",
      registry.host,
      "--docker-username",
      auth.username,
      "--docker-password",
      auth.password,
    ]);
    const account = {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { name: "default", namespace: "b" },
      imagePullSecrets: [{ name: "gone" }, { name: "regcred" }],
    };
    await kube(["apply", "-f", "-"], JSON.stringify(account));
    assert.equal((await resolved("b", "team-a-f", ({ status }) => status === "True"))[1], "Resolved");
  });

  test("stand in no status, Event, revision, log line, answer or file", async () => {
    const objects = await kube(["get", "wasmfilters,controllerrevisions,events", "-A", "-o", "yaml"]);
    const answers = await Promise.all(
      ["api/v1/filters", "metrics", "api/v1/proxies"].map(async (path) => (await fetch(`${server.url}/${path}`)).text()),
    );
    const files = (await readdir(data, { recursive: true, withFileTypes: true })).filter((each) => each.isFile());
    const contents = await Promise.all(files.map(({ parentPath, name }) => readFile(join(parentPath, name), "latin1")));
    assert.ok(objects.includes("team-a/f") && server.logs().includes("module pulled") && contents.length > 3);
    for (const text of [objects, server.logs(), ...answers, ...contents])
      for (const secret of [auth.password, basic])
        assert.ok(!text.includes(secret), text.slice(Math.max(0, text.indexOf(secret) - 200), text.indexOf(secret)));
  });
});
