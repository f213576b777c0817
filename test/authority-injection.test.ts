import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { installCrds, kubectl, startCluster } from "./support/cluster.ts";
import { CONFIGURATION, startInjector, webhookConfiguration } from "./support/injector.ts";
import { reservePort } from "./support/ports.ts";
import { eventually } from "./support/process.ts";
import { createTempFolder } from "./support/temp-folder.ts";

const PAST = "2026-01-01T00:00:00Z";

test("while the authority rotates, the API server and pods know both before the other one signs, and pods are injected at every step", async (t) => {
  const { path: folder, remove } = await createTempFolder("rotated-injection");
  t.after(remove);
  const cluster = await startCluster();
  t.after(cluster.stop);
  const run = (args: readonly string[], input?: object) => kubectl(args, { ...cluster, input: input && JSON.stringify(input) });
  const port = await reservePort();
  await installCrds(cluster);
  for (const name of ["weir-system", "shop"]) await run(["create", "namespace", name]);
  await run(["create", "-f", "-"], webhookConfiguration(CONFIGURATION, `https://127.0.0.1:${port}/inject`));
  const server = await startInjector({ cluster, data: join(folder, "data"), port, flags: ["--key-store", "secret"] });
  t.after(server.stop);

  const get = async (...what: string[]) => JSON.parse(await run(["get", ...what, "-o", "json"]));
  const count = (text = "") => text.match(/BEGIN CERTIFICATE/g)?.length ?? 0;
  const bundle = async () =>
    Buffer.from((await get("mutatingwebhookconfiguration", CONFIGURATION)).webhooks[0].clientConfig.caBundle ?? "", "base64").toString();
  const annotations = async () => {
    const { items } = await get("pods", "-n", "shop", "-l", "weir.dev/inject=true");
    return items.map(({ metadata }: { metadata: { annotations?: Record<string, string> } }) =>
      count(metadata.annotations?.["weir.dev/ca"]),
    );
  };
  /** Makes a pod; rejects when it is not injected. */
  const inject = async (name: string) => {
    const metadata = { name, namespace: "shop", labels: { "weir.dev/inject": "true" } };
    const container = { name: "app", image: "app:1", ports: [{ containerPort: 8080 }] };
    await run(["create", "-f", "-"], {
      apiVersion: "v1",
      kind: "Pod",
      metadata,
      spec: { serviceAccountName: "default", containers: [container] },
    });
    assert.ok(count((await get("pod", name, "-n", "shop")).metadata.annotations["weir.dev/ca"]) > 0, `${name} is injected`);
  };
  const annotate = (text: string) => run(["annotate", "secret", "weir-authority", "-n", "weir-system", "--overwrite", text]);

  // A tenant's pod, before the others by its name: it says that it is injected, and its annotations leave no room for another authority.
  await run(["create", "-f", "-"], {
    ...{ apiVersion: "v1", kind: "Pod" },
    metadata: {
      ...{ name: "a-full", namespace: "shop", labels: { "weir.dev/injected": "true", "weir.dev/inject": "false" } },
      annotations: { "weir.dev/ca": "", filler: "x".repeat(262_144 - "weir.dev/cafiller".length) },
    },
    spec: { serviceAccountName: "default", containers: [{ name: "app", image: "app:1" }] },
  });
  await eventually("the authority in the configuration", async () => count(await bundle()) === 1);
  await inject("first");
  await annotate("weir.dev/rotate=1");
  await eventually("both in the configuration", async () => count(await bundle()) === 2);
  await eventually("both in the pod", async () => (await annotations()).join() === "2");
  await inject("second");
  await annotate(`weir.dev/next-signs-at=${PAST}`);
  await eventually("the next one signs", async () => /the xDS port has a new certificate/.test(server.logs()));
  await inject("third");
  await annotate(`weir.dev/previous-counts-until=${PAST}`);
  await eventually("one in the configuration", async () => count(await bundle()) === 1);
  await eventually("one in pods", async () => (await annotations()).join() === "1,1,1");
  await inject("fourth");
  const loud = server
    .logs()
    .split("\n")
    .filter((line) => /WARN|ERROR/.test(line));
  t.diagnostic(loud.join("\n"));
  assert.ok(loud.length > 0 && loud.length < 5, `${loud.length} lines`);
  for (const line of loud) assert.match(line, /pods cannot be told which authorities count .*shop\/a-full.*metadata\.annotations/);
});
