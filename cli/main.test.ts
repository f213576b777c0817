import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { SECTIONS } from "./commands/index.ts";
import { moduleFolder } from "./testing/modules.ts";
import type { createFakeTerminal } from "./testing/terminal.ts";
import { runWeir } from "./testing/weir.ts";

let world: Awaited<ReturnType<typeof moduleFolder>>;
let dir: string;

before(async () => {
  world = await moduleFolder();
  dir = world.dir;
});

after(() => world.remove());

const weir = (argv: readonly string[], given: Parameters<typeof createFakeTerminal>[0] = {}) => runWeir(dir, argv, given);

describe("help", () => {
  test("help at every level goes to stdout and is no failure", async () => {
    const overview = await weir(["--help"]);
    assert.equal(overview.status, 0);
    for (const { name, summary, isHidden } of SECTIONS.flatMap(({ commands, isHidden = false }) =>
      commands.map((each) => ({ ...each, isHidden })),
    )) {
      assert.equal(new RegExp(`^ {2}${name} +\\S`, "m").test(overview.out), !isHidden);
      assert.equal(overview.out.replace(/\s+/g, " ").includes(summary), !isHidden);
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

  test("help is the same by every road, and of an unknown command it is a mistake", async () => {
    const own = await weir(["rollout", "pause", "--help"]);
    for (const argv of [
      ["rollout", "pause", "x", "-h"],
      ["help", "rollout", "pause"],
      ["--help", "rollout", "pause"],
      ["-h", "rollout", "pause"],
    ]) {
      assert.deepEqual(await weir(argv), own, argv.join(" "));
    }
    const group = await weir(["rollout", "--help"]);
    assert.deepEqual([group.status, group.err], [0, ""]);
    assert.deepEqual(await weir(["help", "rollout"]), group);
    assert.deepEqual(await weir(["rollout", "help"]), group);
    assert.deepEqual(await weir(["help", "gte"]), {
      status: 2,
      out: "",
      err: 'error: unknown command "gte"; did you mean get?\nhint: see `weir --help`\n',
    });
    assert.equal((await weir(["help", "rollout", "nope"])).status, 2);
  });

  test("--version prints what version prints", async () => {
    const version = await weir(["version"]);
    assert.match(version.out, /^weir \d/);
    assert.deepEqual(await weir(["--version"]), version);
    assert.deepEqual(await weir(["-V"]), version);
  });
});

describe("wrong usage", () => {
  test("wrong usage is status 2 with the mistake and where to read on, on stderr", async () => {
    const cases: [string[], RegExp][] = [
      [[], /Usage: weir COMMAND/],
      [["gte"], /^error: unknown command "gte"; did you mean get\?\nhint: see `weir --help`\n$/],
      [["-A", "get"], /the command comes first/],
      [["get", "--nmaespace", "x"], /^error: unknown flag --nmaespace; did you mean --namespace\?\nhint: see `weir get --help`\n$/],
      [["get", "a", "b"], /unexpected argument "b"/],
      [["get", "-o", "yaml"], /--output is json, not "yaml"/],
      [["get", "--filters", "x", "--kubeconfig", "y"], /give one of them/],
      [["get", "UPPER", "--filters", "x"], /"UPPER" is not the name of a filter/],
      [["rollout"], /say what to do: pause, resume, promote, abort/],
      [["rollout", "promot", "x"], /unknown command "rollout promot"; did you mean promote\?\nhint: see `weir rollout --help`/],
      [["apply"], /-f is missing/],
      [["rollback"], /NAME is missing/],
      [["rollback", "x", "--to", "1", "--unpin"], /give one of them/],
      [["proxies", "--server", "nonsense"], /--server is a URL/],
      [["list", "r.example/a", "--allow-address", "r.example"], /--allow-address: "r.example" is not an address range like 10\.0\.0\.0\/8/],
      [["bootstrap"], /--node is missing/],
      [["bootstrap", "--node", "a", "--xds", "nowhere"], /--xds is HOST:PORT/],
      [["bootstrap", "--node", "a", "--listen", "70000"], /--listen is PORT or HOST:PORT/],
      [["bootstrap", "--node", "a", "--listen", "localhost:10000"], /--listen takes an IP address/],
      [["bootstrap", "--node", "a", "--label", "app"], /--label is KEY=VALUE/],
      [["bootstrap", "--node", "a", "--slot", "A"], /--slot is a name of lower-case letters/],
      [["bootstrap", "--node", "a", "--slot", "b", "--slot", "b"], /--slot b is given twice/],
      [["bootstrap", "--node", "a", "--when-missing", "maybe"], /--when-missing is closed or open/],
      [["verify", "x", "--env", "1=2"], /--env is NAME=VALUE/],
      [["serve", "--xds-address", "x"], /--xds-address is HOST:PORT/],
      [["serve", "--xds-tls-cert", "tls.crt"], /--xds-tls-cert and --xds-tls-key need each other/],
      [["serve", "--xds-tls-key", "tls.key"], /--xds-tls-cert and --xds-tls-key need each other/],
      [["serve", "--token-review", "--token-audience", "x".repeat(254)], /--token-audience has at most 253 characters/],
      [["serve", "--xds-client-ca", "ca.crt"], /--xds-client-ca needs --xds-tls-cert and --xds-tls-key/],
      [["serve", "--max-connection-age", "soon"], /--max-connection-age is a duration of at most 480h/],
      [["serve", "--max-connection-age", "481h"], /--max-connection-age is a duration of at most 480h/],
    ];
    for (const [argv, said] of cases) {
      const { status, out, err } = await weir(argv);
      assert.equal(status, 2, `weir ${argv.join(" ")}: ${err}`);
      assert.equal(out, "", argv.join(" "));
      assert.match(err, said);
    }
  });

  test("every command refuses what it does not know the same way", async () => {
    for (const { name, flags, args } of SECTIONS.flatMap(({ commands }) => commands)) {
      const words = name.split(" ");
      const enough = Object.values(args).map(({ choices }) => choices?.[0] ?? "x");
      const refused = async (more: readonly string[], said: RegExp) => {
        const { status, out, err } = await weir([...words, ...more]);
        assert.deepEqual([status, out], [2, ""], `weir ${name} ${more.join(" ")}: ${err}`);
        assert.match(err, said);
        assert.ok(err.endsWith(`\nhint: see \`weir ${name} --help\`\n`), err);
      };
      await refused([...enough, "--no-such-flag"], /^error: unknown flag --no-such-flag/);
      await refused(["--hepl"], /^error: unknown flag --hepl; did you mean --help\?/);
      for (const [flag, known] of Object.entries(flags)) {
        const { type } = known;
        // It may stand without a value.
        if (type === "string" && known.bare !== undefined) continue;
        if (type === "string") await refused([...enough, `--${flag}`], new RegExp(`^error: --${flag} needs a value`));
        else await refused([...enough, `--${flag}=yes`], new RegExp(`^error: --${flag} takes no value`));
      }
    }
  });

  test("no message for a person begins with a capital or ends with a full stop", async () => {
    const lines = [];
    for (const argv of [["gte"], ["get", "-o", "x"], ["rollout"], ["apply"], ["get"], ["inspect", "nope"], ["proxies"]]) {
      lines.push(...(await weir(argv)).err.trimEnd().split("\n"));
    }
    for (const line of lines) assert.match(line, /^(error|hint|note): ["$a-z-].*[^.]$/, line);
  });
});

describe("failures", () => {
  test("what cannot be done is status 1, with what, where and what to do on stderr", async () => {
    const cases: [string[], RegExp][] = [
      [["get"], /^error: no cluster is configured: name a kubeconfig .* or work on a folder of manifests with --filters DIR\n$/],
      [["get", "--filters", join(dir, "nope")], /cannot read the manifest folder .*nope \(ENOENT\); make it/],
      [["get", "--kubeconfig", join(dir, "nope")], /the kubeconfig .*nope cannot be used/],
      [["proxies"], /no Weir answers at http:\/\/127\.0\.0\.1:1 /],
      [["apply", "-f", join(dir, "nope.yaml"), "--filters", dir], /nope\.yaml is not there; create it, or correct the path/],
      [["delete", "ghost", "--filters", dir], /no manifest in .* holds WasmFilter default\/ghost/],
      [["inspect", "nope.wasm"], /there is no file nope\.wasm, and it is not an image reference either/],
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
});
