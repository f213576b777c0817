import assert from "node:assert/strict";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ROOT } from "../scripts/tests/files.ts";
import { type Kubernetes, lacksForNode, startKubernetes } from "./support/kubernetes/index.ts";
import { appPod, namespace } from "./support/kubernetes/pods.ts";
import { eventually, startProcess } from "./support/process.ts";
import { createTempFolder } from "./support/temp-folder.ts";

/** `weir ui` on a real API server and a real kubelet. What it forwards to only has to be a pod with the chart's labels and a port named http: here it says its name. */
const lacks = await lacksForNode();
const needsNode = { skip: lacks ?? false };
let cluster: Kubernetes;

before(async () => {
  if (lacks === undefined) cluster = await startKubernetes();
});
after(() => cluster?.stop());

async function start(name: string): Promise<void> {
  const pod = appPod(name, "weir-system") as { metadata: object };
  Object.assign(pod.metadata, { labels: { "app.kubernetes.io/name": "weir" } });
  await cluster.apply(pod);
  await cluster.kubectl(["wait", "-n", "weir-system", "--for=condition=Ready", `pod/${name}`, "--timeout=90s"]);
}

test(
  "weir ui opens a browser at a pod of the cluster's Weir, through a port of this machine; another pod takes over from one that goes",
  needsNode,
  async (t) => {
    const { path: folder, remove } = await createTempFolder("ui");
    t.after(remove);
    // Stands in for the person's browser: it notes what it is to open.
    const browser = join(folder, "browser");
    await writeFile(browser, `#!/bin/sh\necho "$1" > ${join(folder, "opened")}\n`);
    await chmod(browser, 0o755);
    await cluster.apply(namespace("weir-system"));
    await start("one");
    const env = { KUBECONFIG: cluster.kubeconfig, BROWSER: browser, WEIR_SERVER: "" };
    const ui = await startProcess(process.execPath, [join(ROOT, "cli/main.ts"), "ui"], { env });
    t.after(() => ui.kill());
    await ui.waitFor("the address", (logs) => /http:\/\/127\.0\.0\.1:\d+\//.test(logs), 30_000);
    const [url = ""] = /http:\/\/127\.0\.0\.1:\d+\//.exec(ui.logs()) ?? [];
    assert.equal((await eventually("the browser", () => readFile(join(folder, "opened"), "utf8"), 10_000)).trim(), url);
    const ask = async () => {
      const response = await fetch(`${url}hello`, { headers: { connection: "close" }, signal: AbortSignal.timeout(5_000) });
      return [response.headers.get("x-app"), ((await response.json()) as { path: string }).path];
    };
    assert.deepEqual(await ask(), ["one", "/hello"]);
    await start("two");
    await cluster.kubectl(["delete", "pod", "-n", "weir-system", "one", "--wait=true"]);
    assert.deepEqual(await eventually("the other pod", ask, 30_000), ["two", "/hello"]);
    assert.equal((await ui.stop()).code, 0);
  },
);
