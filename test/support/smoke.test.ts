import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { kubectl, startCluster } from "./cluster.ts";
import { startEnvoy } from "./envoy.ts";
import { eventually, startProcess } from "./process.ts";
import { startRegistry } from "./registry.ts";
import { createTempFolder } from "./temp-folder.ts";

describe("processes", () => {
  test("a process is waited for by its output, stopped by its pid, and its end is told to who waits", async () => {
    const sleeper = await startProcess("sh", ["-c", "echo ready; exec sleep 1000"]);
    assert.equal(await sleeper.waitFor("ready", (logs) => logs.includes("ready") && "seen"), "seen");
    assert.deepEqual(await sleeper.stop(), { code: null, signal: "SIGTERM" });
    assert.throws(() => process.kill(sleeper.pid, 0));

    const deaf = await startProcess("sh", ["-c", "trap '' TERM; echo ready; while true; do sleep 0.05; done"]);
    await deaf.waitFor("ready", (logs) => logs.includes("ready"));
    assert.deepEqual(await deaf.stop(100), { code: null, signal: "SIGKILL" });

    const failing = await startProcess("sh", ["-c", "echo no room; exit 3"], { name: "failing" });
    await assert.rejects(
      failing.waitFor("ready", () => false),
      /failing ended \(3\); waited for: ready\nno room/,
    );
    await assert.rejects(
      startProcess("/nowhere/program", []).then((missing) => missing.waitFor("x", () => false)),
      /nowhere/,
    );
  });

  test("logs are bounded: the newest output is kept", async () => {
    const talker = await startProcess("sh", ["-c", "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done"], {
      maxLogBytes: 1_000,
    });
    await talker.exited;
    assert.equal(talker.logs().length, 1_000);
    assert.match(talker.logs(), /line 19999\n$/);
  });

  test("what a process started goes with it, even when it is killed", async (t) => {
    const helper = new URL("process.ts", import.meta.url).pathname;
    const script = `import { eventually, startProcess } from "${helper}"; const p = await startProcess("sleep", ["1000"]); console.log("pid=" + p.pid); setInterval(() => {}, 1000);`;
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      const skip = signal === "SIGKILL" && process.platform !== "linux" && "only Linux tells a child that its parent was killed";
      await t.test(signal, { skip }, async () => {
        const parent = await startProcess(process.execPath, ["--input-type=module", "-e", script]);
        const child = Number(await parent.waitFor("the pid", (logs) => /pid=(\d+)/.exec(logs)?.[1]));
        // The command runs only after the kernel was told to end it with its parent.
        if (process.platform === "linux") {
          await eventually("the command", () => readFileSync(`/proc/${child}/comm`, "utf8") === "sleep\n", 20_000);
        }
        process.kill(parent.pid, signal);
        await parent.exited;
        await eventually(`the end of ${child} after ${signal}`, () => isGone(child), 5_000);
      });
    }
  });
});

/** A process that nobody has reaped yet counts as gone. */
function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform === "linux" && /\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return true;
  }
}

describe("real parts", () => {
  test("two real Envoys run side by side and answer on their admin interfaces", async (t) => {
    const config = `
  static_resources:
    listeners:
    - name: inbound
      address: {socket_address: {address: 127.0.0.1, port_value: 0}}
      filter_chains:
      - filters:
        - name: envoy.filters.network.http_connection_manager
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
            stat_prefix: in
            route_config: {virtual_hosts: [{name: all, domains: ["*"], routes: [{match: {prefix: /}, direct_response: {status: 200, body: {inline_string: hello}}}]}]}
            http_filters: [{name: envoy.filters.http.router, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}]
  `;
    const [one, two] = await Promise.all([startEnvoy({ config }), startEnvoy({ config: "{}", concurrency: 1 })]);
    t.after(() => Promise.all([one.stop(), two.stop()]));
    assert.match(await one.get("/server_info"), /"state": "LIVE"/);
    assert.match(await two.get("/server_info"), /"concurrency": 1/);
    assert.notEqual(one.admin, two.admin);
    await one.ready();
    assert.equal(await (await fetch(`http://127.0.0.1:${await one.port()}/`)).text(), "hello");
    await one.stop();
    assert.throws(() => process.kill(one.pid, 0));
    await assert.rejects(startEnvoy({ config: "nonsense: true" }), /envoy ended \(1\)[\s\S]*nonsense/);
  });

  test("the registry demands its credentials, and comes back with what it held", async (t) => {
    const storage = await createTempFolder("storage");
    const auth = { username: "weir", password: "s3cret" };
    const first = await startRegistry({ auth, storage: storage.path });
    t.after(() => Promise.all([first.stop(), storage.remove()]));
    const ask = (path: string, credentials?: string, init: RequestInit = {}) =>
      fetch(`http://${first.host}${path}`, {
        ...init,
        headers: credentials === undefined ? {} : { authorization: `Basic ${btoa(credentials)}` },
      });
    assert.equal((await ask("/v2/")).status, 401);
    assert.match((await ask("/v2/")).headers.get("www-authenticate") ?? "", /^Basic realm=/);
    assert.equal((await ask("/v2/", "weir:wrong")).status, 401);
    assert.equal((await ask("/v2/", "weir:s3cret")).status, 200);

    const digest = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"; // of "hello"
    const upload = await ask("/v2/greeting/blobs/uploads/", "weir:s3cret", { method: "POST" });
    const place = new URL(upload.headers.get("location") ?? "");
    const put = await ask(`${place.pathname}${place.search}&digest=${digest}`, "weir:s3cret", { method: "PUT", body: "hello" });
    assert.equal(put.status, 201);
    await first.stop();
    await assert.rejects(ask("/v2/"));
    const second = await startRegistry({ auth, storage: storage.path, port: first.port });
    t.after(() => second.stop());
    assert.equal(await (await ask(`/v2/greeting/blobs/${digest}`, "weir:s3cret")).text(), "hello");
  });

  test("a real API server answers kubectl, knows who asks, and survives a restart", async (t) => {
    const cluster = await startCluster({ users: ["weir"] });
    t.after(() => cluster.stop());
    const { kubeconfig } = cluster;
    assert.match(await kubectl(["version"], { kubeconfig }), /Server Version: v1\.36/);
    const manifest = "{apiVersion: v1, kind: ConfigMap, metadata: {name: greeting}, data: {hello: world}}";
    assert.equal(await kubectl(["apply", "-f", "-"], { kubeconfig, input: manifest }), "configmap/greeting created\n");
    const stranger = await cluster.kubeconfigFor("weir");
    await assert.rejects(
      kubectl(["get", "configmap", "greeting"], { kubeconfig: stranger }),
      /User "weir" cannot get resource "configmaps"/,
    );
    await cluster.restartServer();
    assert.equal(await kubectl(["get", "configmap", "greeting", "-o", "jsonpath={.data.hello}"], { kubeconfig }), "world");
  });
});
