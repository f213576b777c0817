import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import createWabt from "wabt";
import { parse } from "yaml";
import { SECTIONS } from "./commands/index.ts";
import { main } from "./main.ts";
import { fakeTerminal } from "./testing/terminal.ts";

/** The least that Envoy loads: an ABI marker, memory, and a way to hand data over. */
const GOOD = `(module
  (import "env" "proxy_log" (func (param i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 65536))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 0)))`;
const BAD = GOOD.replace('"proxy_log"', '"proxy_does_not_exist"');

let dir: string;
let wasm: { good: Buffer; bad: Buffer };

before(async () => {
  dir = mkdtempSync(join(tmpdir(), "weir-cli-"));
  const wabt = await createWabt();
  const build = (text: string) => Buffer.from(wabt.parseWat("module.wat", text).toBinary({}).buffer);
  wasm = { good: build(GOOD), bad: build(BAD) };
  writeFileSync(join(dir, "good.wasm"), wasm.good);
  writeFileSync(join(dir, "bad.wasm"), wasm.bad);
});

after(() => rmSync(dir, { recursive: true }));

async function weir(argv: readonly string[], given: Parameters<typeof fakeTerminal>[0] = {}) {
  const { terminal, written } = fakeTerminal({ ...given, env: { HOME: dir, WEIR_SERVER: "http://127.0.0.1:1", ...given.env } });
  const status = await main(argv, terminal);
  return { status, ...written };
}

test("help at every level goes to stdout and is no failure", async () => {
  const overview = await weir(["--help"]);
  assert.equal(overview.status, 0);
  for (const { name, summary } of SECTIONS.flatMap(({ commands }) => commands)) {
    assert.match(overview.out, new RegExp(`^ {2}${name} +\\S`, "m"));
    assert.ok(overview.out.includes(summary));
    const own = await weir([...name.split(" "), "--help"]);
    assert.equal(own.status, 0);
    assert.match(own.out, new RegExp(`^Usage: weir ${name}\\b`, "m"));
    assert.equal(own.err, "");
    assert.deepEqual(await weir(["help", ...name.split(" ")]), own);
  }
  assert.match((await weir(["rollout", "--help"])).out, /rollout promote {2}/);
  assert.deepEqual(await weir(["help"]), overview);
});

test("every command has words for newcomers: what it does, what each flag means, an example that begins with weir", () => {
  for (const { name, about, flags, examples } of SECTIONS.flatMap(({ commands }) => commands)) {
    assert.ok(about.length > 10, name);
    for (const [flag, { help }] of Object.entries(flags)) assert.ok(help.length > 5, `${name} --${flag}`);
    for (const { command } of examples) assert.match(command, new RegExp(`^weir ${name}\\b`), name);
    if (name !== "version") assert.ok(examples.length > 0, name);
  }
});

test("wrong usage is status 2 with the mistake and where to read on, on stderr", async () => {
  const cases: [string[], RegExp][] = [
    [[], /Usage: weir COMMAND/],
    [["gte"], /^weir: unknown command "gte"; did you mean get\?\nTry `weir --help`\.\n$/],
    [["-A", "get"], /the command comes first/],
    [["get", "--nmaespace", "x"], /^weir get: unknown option --nmaespace; did you mean --namespace\?\nTry `weir get --help`\.\n$/],
    [["get", "a", "b"], /unexpected argument "b"/],
    [["get", "-o", "yaml"], /--output is json, not "yaml"/],
    [["get", "--filters", "x", "--kubeconfig", "y"], /give one of them/],
    [["get", "UPPER", "--filters", "x"], /"UPPER" is no filter's name/],
    [["rollout"], /say what to do: pause, resume, promote, abort/],
    [["rollout", "promot", "x"], /unknown command "rollout promot"/],
    [["apply"], /-f is missing/],
    [["rollback"], /NAME is missing/],
    [["rollback", "x", "--to", "1", "--unpin"], /give one of them/],
    [["proxies", "--server", "nonsense"], /--server is a URL/],
    [["bootstrap"], /--node is missing/],
    [["bootstrap", "--node", "a", "--xds", "nowhere"], /--xds is HOST:PORT/],
    [["bootstrap", "--node", "a", "--listen", "70000"], /--listen is a port from 1 to 65535/],
    [["bootstrap", "--node", "a", "--listen", "localhost:10000"], /--listen takes an IP address/],
    [["bootstrap", "--node", "a", "--label", "app"], /--label is KEY=VALUE/],
    [["bootstrap", "--node", "a", "--slot", "A"], /--slot is a name of lower-case letters/],
    [["bootstrap", "--node", "a", "--slot", "b", "--slot", "b"], /--slot b is given twice/],
    [["bootstrap", "--node", "a", "--when-missing", "maybe"], /--when-missing is closed or open/],
    [["verify", "x", "--env", "1=2"], /--env is NAME=VALUE/],
    [["serve", "--xds-address", "x"], /--xds-address is HOST:PORT/],
  ];
  for (const [argv, said] of cases) {
    const { status, out, err } = await weir(argv);
    assert.equal(status, 2, `weir ${argv.join(" ")}: ${err}`);
    assert.equal(out, "", argv.join(" "));
    assert.match(err, said);
  }
});

test("what cannot be done is status 1, with what, where and what to do on stderr", async () => {
  const cases: [string[], RegExp][] = [
    [["get"], /^weir get: no cluster is configured: name a kubeconfig .* or work on a folder of manifests with --filters DIR\n$/],
    [["get", "--filters", join(dir, "nope")], /cannot read the manifest folder .*nope \(ENOENT\); make it/],
    [["get", "--kubeconfig", join(dir, "nope")], /the kubeconfig .*nope cannot be used/],
    [["proxies"], /no Weir answers at http:\/\/127\.0\.0\.1:1 /],
    [["apply", "-f", join(dir, "nope.yaml"), "--filters", dir], /cannot read .*nope\.yaml: ENOENT/],
    [["delete", "ghost", "--filters", dir], /no manifest in .* holds WasmFilter default\/ghost/],
    [["inspect", "nope.wasm"], /there is no file nope\.wasm, and it is no reference either/],
    [["verify", join(dir, "bad.wasm")], /bad\.wasm would be refused \(MissingImport\): .*proxy_does_not_exist/],
    [["push", join(dir, "bad.wasm"), `oci-layout:${dir}/images:1`], /proxy_does_not_exist.*; nothing was pushed: --force/],
    [["push", join(dir, "good.wasm"), "Not A Reference"], /not an image reference/],
    [["pull", `oci-layout:${dir}/nothing:1`], /nothing/],
  ];
  for (const [argv, said] of cases) {
    const { status, out, err } = await weir(argv);
    assert.equal(status, 1, `weir ${argv.join(" ")}: ${err}`);
    assert.equal(out, "", argv.join(" "));
    assert.match(err, said);
  }
});

test("a module goes through an image layout folder and comes back the same", async () => {
  const reference = `oci-layout:${dir}/images:1`;
  const pushed = await weir(["push", join(dir, "good.wasm"), reference, "-o", "json"]);
  assert.equal(pushed.err, "");
  const { digest, wasmDigest } = JSON.parse(pushed.out);
  assert.equal(wasmDigest, `sha256:${createHash("sha256").update(wasm.good).digest("hex")}`);

  const inspected = await weir(["inspect", reference]);
  assert.match(inspected.out, new RegExp(`digest {2}${digest}`));
  assert.match(inspected.out, /ABI {5}proxy-wasm 0\.2\.1/);
  assert.match(inspected.out, /imports \(1\)\n {4}proxy_log/);
  const facts = JSON.parse((await weir(["inspect", reference, "-o", "json"])).out);
  assert.equal(facts.image.manifest.digest, digest);
  assert.deepEqual([facts.wasmDigest, facts.abi, facts.imports], [wasmDigest, "0.2.1", ["proxy_log"]]);

  const file = join(dir, "back.wasm");
  const pulled = await weir(["pull", `oci-layout:${dir}/images@${digest}`, "-f", file]);
  assert.match(pulled.out, new RegExp(`digest {2}${digest}`));
  assert.deepEqual(readFileSync(file), wasm.good);
  const piped = await weir(["pull", reference, "-f", "-"]);
  assert.equal(piped.out, wasm.good.toString("latin1"));

  await weir(["push", join(dir, "bad.wasm"), `oci-layout:${dir}/images:2`, "--force"]);
  assert.equal((await weir(["list", reference])).out, "1\n2\n");
  assert.deepEqual(JSON.parse((await weir(["list", reference, "-o", "json"])).out), ["1", "2"]);
});

test("inspect reads what Envoy cannot load and says so; verify refuses it, in JSON too", async () => {
  const { status, out } = await weir(["inspect", join(dir, "bad.wasm")]);
  assert.equal(status, 0);
  assert.match(out, /Envoy {3}cannot load it \(MissingImport\): .*proxy_does_not_exist/);
  const verdict = await weir(["verify", join(dir, "bad.wasm"), "-o", "json"]);
  assert.equal(verdict.status, 1);
  assert.equal(JSON.parse(verdict.out).loads, false);
  assert.equal(JSON.parse(verdict.out).reason, "MissingImport");
});

test("verify tells what it measured on a module that loads", async () => {
  const { status, out, err } = await weir(["verify", join(dir, "good.wasm"), "--config", "{}"]);
  assert.equal(status, 0, err);
  assert.match(out, /good\.wasm loads\n {2}ABI +proxy-wasm 0\.2\.1\n/);
});

test("bootstrap prints YAML that says what was asked", async () => {
  const argv = [
    "bootstrap",
    "--node",
    "web-1",
    "-n",
    "shop",
    "--label",
    "app=web",
    "--label",
    "weir.dev/tier=",
    "--xds",
    "[::1]:9",
    "--listen",
    "127.0.0.1:80",
  ];
  const { status, out } = await weir([...argv, "--upstream", "app.local:81", "--slot", "edge", "--slot", "app"]);
  assert.equal(status, 0);
  const { node, static_resources: resources } = parse(out);
  assert.deepEqual([node.id, node.metadata], ["web-1", { NAMESPACE: "shop", LABELS: { app: "web", "weir.dev/tier": "" } }]);
  const [listener] = resources.listeners;
  assert.deepEqual(listener.address.socket_address, { address: "127.0.0.1", port_value: 80 });
  const filters = listener.filter_chains[0].filters[0].typed_config.http_filters.map(({ name }: { name: string }) => name);
  assert.deepEqual(filters, ["weir/edge", "weir/app", "envoy.filters.http.router"]);
  assert.ok(parse(out).stats_sinks);
  assert.equal(parse((await weir([...argv, "--no-stats"])).out).stats_sinks, undefined);
  assert.match(out, /"::1", port_value: 9/);
  assert.match(out, /"app\.local", port_value: 81/);
});

test("apply takes stdin, several documents at once, and tells how far it came", async () => {
  const folder = mkdtempSync(join(dir, "filters-"));
  const filter = (name: string, image: string) =>
    `apiVersion: weir.dev/v1alpha1\nkind: WasmFilter\nmetadata: {name: ${name}}\nspec: {${image}}\n`;
  const input = `${filter("one", "image: a/b:1")}---\n${filter("two", "")}`;
  const { status, out, err } = await weir(["apply", "-f", "-", "-n", "shop"], { input, env: { WEIR_FILTERS: folder } });
  assert.equal(status, 1);
  assert.match(out, /^WasmFilter shop\/one created \(.*shop-one\.yaml\)\n$/);
  assert.match(err, /^weir apply: stdin, document 2: .*\(1 of 2 objects were applied before it\)\n$/);
  assert.match(readFileSync(join(folder, "shop-one.yaml"), "utf8"), /namespace: "shop"/);
  const listed = JSON.parse((await weir(["get", "-A", "-o", "json", "--filters", folder])).out);
  assert.deepEqual([listed.kind, listed.items.length, listed.items[0].metadata], ["List", 1, { name: "one", namespace: "shop" }]);
});

test("rollout commands refuse what makes no sense and write annotations", async () => {
  const folder = mkdtempSync(join(dir, "rollout-"));
  writeFileSync(join(folder, "f.yaml"), "apiVersion: weir.dev/v1alpha1\nkind: WasmFilter\nmetadata:\n  name: f\nspec:\n  image: a/b:1\n");
  const env = { WEIR_FILTERS: folder };
  for (const word of ["promote", "abort"]) {
    const { status, err } = await weir(["rollout", word, "f"], { env });
    assert.equal(status, 1);
    assert.match(err, /default\/f has no rollout under way \(no status is known\)/);
  }
  assert.equal((await weir(["rollout", "pause", "f"], { env })).status, 0);
  assert.match(readFileSync(join(folder, "f.yaml"), "utf8"), /weir\.dev\/rollout-paused: "true"/);
  assert.equal((await weir(["rollout", "resume", "f"], { env })).status, 0);
  assert.doesNotMatch(readFileSync(join(folder, "f.yaml"), "utf8"), /rollout-paused/);
});

test("bin/weir gives the same statuses to a shell", () => {
  const bin = fileURLToPath(new URL("../bin/weir", import.meta.url));
  const run = (...argv: string[]) => {
    const { status, stdout, stderr } = spawnSync(bin, argv, { encoding: "utf8", env: { PATH: process.env.PATH, HOME: dir } });
    return { status, stdout, stderr };
  };
  const version = run("version");
  assert.equal(version.status, 0);
  assert.match(version.stdout, /^weir \d+\.\d+\.\d+ \(Node \d+/);
  assert.equal(run("get").status, 1);
  const wrong = run("nonsense");
  assert.equal(wrong.status, 2);
  assert.match(wrong.stderr, /unknown command "nonsense"/);
  assert.equal(wrong.stdout, "");
});
