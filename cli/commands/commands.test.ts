import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { parse } from "yaml";
import { moduleFolder } from "../testing/modules.ts";
import type { createFakeTerminal } from "../testing/terminal.ts";
import { runWeir } from "../testing/weir.ts";

let world: Awaited<ReturnType<typeof moduleFolder>>;
let dir: string;

before(async () => {
  world = await moduleFolder();
  dir = world.dir;
});

after(() => world.remove());

const weir = (argv: readonly string[], given: Parameters<typeof createFakeTerminal>[0] = {}) => runWeir(dir, argv, given);

describe("modules and images", () => {
  test("a module goes through an image layout folder and comes back the same", async () => {
    const reference = `oci-layout:${dir}/images:1`;
    const pushed = await weir(["push", join(dir, "good.wasm"), reference, "-o", "json"]);
    assert.equal(pushed.err, "");
    const { digest, wasmDigest } = JSON.parse(pushed.out);
    assert.equal(wasmDigest, `sha256:${createHash("sha256").update(world.good).digest("hex")}`);

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
    assert.deepEqual(readFileSync(file), world.good);
    const piped = await weir(["pull", reference, "-f", "-"]);
    assert.equal(piped.out, world.good.toString("latin1"));

    await weir(["push", join(dir, "bad.wasm"), `oci-layout:${dir}/images:2`, "--force"]);
    assert.equal((await weir(["list", reference, "--tags"])).out, "1\n2\n");
    assert.deepEqual(JSON.parse((await weir(["list", reference, "--tags", "-o", "json"])).out), ["1", "2"]);
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
});

describe("what verify is told of the filter", () => {
  const good = () => join(dir, "good.wasm");
  const file = (name: string, text: string) => {
    writeFileSync(join(dir, name), text);
    return join(dir, name);
  };

  test("a manifest says how to prove, and a flag wins over it", async () => {
    const spec = "{image: a/b:1, type: Network, config: {a: 1}, preflight: {traffic: Report}}";
    const manifest = file("verified.yaml", `apiVersion: weir.dev/v1alpha1\nkind: WasmFilter\nmetadata: {name: a}\nspec: ${spec}\n`);
    assert.equal((await weir(["verify", good(), "-f", manifest])).status, 0);
    const requests = file("requests.yaml", "- {path: /a, headers: [{name: x-tenant, value: a}]}\n");
    const refused = await weir(["verify", good(), "-f", manifest, "--requests", requests]);
    assert.match(refused.err, /spec\.preflight: a filter of type Network gets no requests/);
    assert.equal((await weir(["verify", good(), "-f", manifest, "--requests", requests, "--type", "HTTP"])).status, 0);
  });

  test("what is wrong in a list of requests is named by its path", async () => {
    for (const [text, says] of [
      ["- {path: a}", /spec\.preflight\.requests\[0\]\.path: not a path/],
      ["path: /a", /spec\.preflight\.requests: /],
      ["- {path: [}", /requests\.yaml: line 1/],
      [`[${"{},".repeat(9)}]`, /spec\.preflight\.requests: /],
    ] as const) {
      const { status, err } = await weir(["verify", good(), "--requests", file("requests.yaml", text)]);
      assert.equal(status, 1, text);
      assert.match(err, says);
    }
    const { err } = await weir(["verify", good(), "--requests", join(dir, "nowhere.yaml")]);
    assert.match(err, /the requests in .*nowhere\.yaml: cannot be read \(ENOENT\)/);
  });

  test("a configuration that the manifest takes from elsewhere is asked for", async () => {
    const spec = "{image: a/b:1, configFrom: {secretKeyRef: {name: s, key: k}}}";
    const manifest = file("secret.yaml", `apiVersion: weir.dev/v1alpha1\nkind: WasmFilter\nmetadata: {name: a}\nspec: ${spec}\n`);
    assert.match((await weir(["verify", good(), "-f", manifest])).err, /is not read here; give it with --config/);
    assert.equal((await weir(["verify", good(), "-f", manifest, "--config", "{}"])).status, 0);
  });
});

describe("bootstrap", () => {
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
    assert.deepEqual(
      [node.id, node.metadata],
      ["web-1", { NAMESPACE: "shop", LABELS: { app: "web", "weir.dev/tier": "" }, WEIR_STATS_INTERVAL: "1s" }],
    );
    const [listener] = resources.listeners;
    assert.deepEqual(listener.address.socket_address, { address: "127.0.0.1", port_value: 80 });
    const filters = listener.filter_chains[0].filters[0].typed_config.http_filters.map(({ name }: { name: string }) => name);
    assert.deepEqual(filters, ["weir/edge", "weir/app", "envoy.filters.http.router"]);
    assert.ok(parse(out).stats_sinks);
    assert.equal(parse((await weir([...argv, "--no-stats"])).out).stats_sinks, undefined);
    assert.match(out, /"::1", port_value: 9/);
    assert.match(out, /"app\.local", port_value: 81/);
  });
});

describe("the fleet", () => {
  test("apply takes stdin, several documents at once, and tells how far it came", async () => {
    const folder = mkdtempSync(join(dir, "filters-"));
    const filter = (name: string, image: string) =>
      `apiVersion: weir.dev/v1alpha1\nkind: WasmFilter\nmetadata: {name: ${name}}\nspec: {${image}}\n`;
    const input = `${filter("one", "image: a/b:1")}---\n${filter("two", "")}`;
    const { status, out, err } = await weir(["apply", "-f", "-", "-n", "shop"], { input, env: { WEIR_FILTERS: folder } });
    assert.equal(status, 1);
    assert.match(out, /^WasmFilter shop\/one created \(.*shop-one\.yaml\)\n$/);
    assert.match(err, /^error: stdin, line 6: .*\(1 of 2 objects were applied before it\)\n$/);
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
      assert.match(err, /whether a rollout of f is under way is not known/);
    }
    assert.equal((await weir(["rollout", "pause", "f"], { env })).status, 0);
    assert.match(readFileSync(join(folder, "f.yaml"), "utf8"), /weir\.dev\/rollout-paused: "true"/);
    assert.equal((await weir(["rollout", "resume", "f"], { env })).status, 0);
    assert.doesNotMatch(readFileSync(join(folder, "f.yaml"), "utf8"), /rollout-paused/);
  });
});

test("what the server has is said not to be known while it does not answer: not that there is none", async () => {
  const folder = mkdtempSync(join(dir, "unknown-"));
  writeFileSync(join(folder, "f.yaml"), "apiVersion: weir.dev/v1alpha1\nkind: WasmFilter\nmetadata:\n  name: f\nspec:\n  image: a/b:1\n");
  const env = { WEIR_FILTERS: folder };
  for (const [argv, said] of [
    [["history", "f"], /error: the history of f is not known: the server that has it does not answer/],
    [["history", "f", "-o", "json"], /error: the history of f is not known/],
    [["rollback", "f"], /error: the history of default\/f is not known, because the server that has it does not answer/],
    [["rollback", "f", "--to", "2"], /error: the history of default\/f is not known, because the server that has it/],
    [["diff", "f", "1"], /error: what f leads to is not known: the server that has it does not answer/],
    [["rollout", "abort", "f"], /error: whether a rollout of f is under way is not known: the server/],
    [["rollout", "promote", "f"], /error: whether a rollout of f is under way is not known: the server/],
  ] as const) {
    const { status, out, err } = await weir(argv, { env });
    assert.deepEqual([status, out], [1, ""], argv.join(" "));
    assert.match(err, said);
    assert.doesNotMatch(err, /no revision yet|no Weir has written/);
  }
  const digest = `sha256:${"a".repeat(64)}`;
  assert.equal((await weir(["rollback", "f", "--to", digest], { env })).status, 0, "a digest needs no history");
});

test("serve --token-review without a cluster is refused: there is nobody to ask", async () => {
  const { status, err } = await weir(["serve", "--filters", dir, "--data", join(dir, "serve"), "--token-review"]);
  assert.equal(status, 2);
  assert.match(err, /--token-review asks the API server of a cluster, and filters come from a folder here; use --token-auth-file/);
});

test("identity issue says that it made the authority, once: another server would not take the certificate", async () => {
  const now = Date.UTC(2026, 0, 1);
  const issue = () => weir(["identity", "issue", "--node", "web-1", "--data", join(dir, "unserved"), "--out", join(dir, "web-1")], { now });
  const first = await issue();
  assert.match(first.out, /^issued .*\(node web-1 of namespace default/);
  assert.match(first.err, /^note: --data .*unserved had no authority, so one was made; only a weir serve --xds-tls auto with this --data/);
  assert.equal((await issue()).err, "");
});
