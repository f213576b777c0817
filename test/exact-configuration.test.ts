import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { localBootstrap } from "./support/bootstrap.ts";
import { type Cluster, installCrds, kubectl, startCluster } from "./support/cluster.ts";
import { startEnvoy } from "./support/envoy.ts";
import { eventually } from "./support/process.ts";
import { type Registry, startRegistry } from "./support/registry.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { echo } from "./support/wat.ts";
import { startWeir, type Weir, weir } from "./support/weir.ts";

/** One of the ways by which a manifest comes to Weir, and an Envoy at its end whose filter answers with its configuration. */
interface Way {
  readonly server: Weir;
  apply(manifest: string): Promise<unknown>;
  /** Waits until the plugin has exactly these bytes. */
  has(bytes: Buffer): Promise<void>;
}

let cluster: Cluster;
let folder: string;
let registry: Registry;
const ways: { cluster?: Way; folder?: Way } = {};
const open: (() => Promise<unknown>)[] = [];

before(async () => {
  const temporary = await createTempFolder("exact");
  folder = temporary.path;
  open.push(temporary.remove);
  cluster = await startCluster();
  open.push(cluster.stop);
  await installCrds(cluster);
  registry = await startRegistry();
  open.push(registry.stop);
  for (const [tag, module] of [["configuration", await echo()] as const, ["env", await echo({ env: "A" })] as const]) {
    await writeFile(join(folder, `${tag}.wasm`), module);
    await weir(["push", join(folder, `${tag}.wasm`), `${registry.host}/echo:${tag}`]);
  }
  const filters = await createTempFolder("exact-filters");
  open.push(filters.remove);
  ways.cluster = await startWay(["--kubeconfig", cluster.kubeconfig], "data-cluster", (input) =>
    kubectl(["apply", "-f", "-"], { ...cluster, input }),
  );
  ways.folder = await startWay(["--filters", filters.path], "data-folder", (text) => writeFile(join(filters.path, "all.yaml"), text));
});

after(async () => {
  for (const close of open.reverse()) await close();
});

async function startWay(source: readonly string[], data: string, apply: Way["apply"]): Promise<Way> {
  const server = await startWeir({ source, data: join(folder, data), flags: ["--allow-address", "127.0.0.1"] });
  open.push(server.stop);
  const envoy = await startEnvoy({ config: bootstrapFor(server), log: "warning" });
  open.push(envoy.stop);
  const port = await envoy.port();
  const has = (bytes: Buffer) =>
    answers(port, bytes).catch(async (error: Error) => {
      throw new Error(`${error.message}\n${JSON.stringify((await server.filter("a"))?.status?.conditions, null, 1)}`);
    });
  return { server, apply, has };
}

function bootstrapFor({ xdsPort }: Weir): string {
  return localBootstrap({ node: "web-1", xdsPort, appPort: 0 });
}

async function answers(port: number, bytes: Buffer): Promise<void> {
  let last: string | undefined;
  await eventually(
    "the configuration",
    async () => {
      const response = await fetch(`http://127.0.0.1:${port}/`);
      const body = Buffer.from(await response.arrayBuffer());
      last = `${response.status} ${body.toString("latin1")}`;
      return response.status === 200 && body.equals(bytes);
    },
    20_000,
  ).catch((error: Error) => assert.fail(`${error.message}: ${last}`));
}

const filter = (spec: string, image = "configuration") => `apiVersion: weir.dev/v1alpha1
kind: WasmFilter
metadata: {name: a, namespace: default}
spec:
  image: ${registry.host}/echo:${image}
  rollout: {steps: [{percent: 100}]}
${spec}`;

/** How a number is written in a manifest, and what the plugin gets by either way. */
const NUMBERS: readonly (readonly [string, string])[] = [
  ["9007199254740991", "9007199254740991"],
  ["9007199254740992", "9007199254740992"],
  ["9007199254740993", "9007199254740993"],
  ["-9007199254740993", "-9007199254740993"],
  ["9223372036854775807", "9223372036854775807"],
  ["-9223372036854775808", "-9223372036854775808"],
  ["9223372036854775808", "9223372036854776000"],
  ["18446744073709551615", "18446744073709552000"],
  ["1".repeat(100), String(Number("1".repeat(100)))],
  ["9007199254740993.0", "9007199254740992"],
  ["1e18", "1000000000000000000"],
  ["1e21", "1e+21"],
  ["1e300", "1e+300"],
  ["1e-7", "1e-7"],
  ["0.1", "0.1"],
  ["1.0", "1"],
  ["-0", "0"],
  ["-0.0", "0"],
  ["123456789.123456789123456789", "123456789.12345679"],
  ["0x20000000000001", "9007199254740993"],
];

/** Every byte, and such as a text could begin with. */
const BYTES = Buffer.from([0xef, 0xbb, 0xbf, ...Array.from({ length: 256 }, (_, byte) => byte), 0xff]);

describe("what the plugin gets is what the manifest says, through an API server and from a folder", () => {
  for (const name of ["cluster", "folder"] as const) {
    const way = () => ways[name] ?? assert.fail("not started");

    test(`${name}: numbers keep their digits`, async () => {
      const fields = NUMBERS.map(([written], index) => `    n${10 + index}: ${written}\n`).join("");
      await way().apply(filter(`  config:\n${fields}    text: 1e400\n`));
      const expected = NUMBERS.map(([, gets], index) => `"n${10 + index}":${gets}`).join(",");
      await way().has(Buffer.from(`{${expected},"text":"1e400"}`));
    });

    for (const [kind, reference] of [
      ["Secret", "secretKeyRef"],
      ["ConfigMap", "configMapKeyRef"],
    ] as const) {
      const field = kind === "Secret" ? "data" : "binaryData";
      const object = (bytes: Buffer) =>
        `---\napiVersion: v1\nkind: ${kind}\nmetadata: {name: bytes, namespace: default}\n${field}: {k: ${bytes.toString("base64")}}\n`;
      const spec = () => filter(`  configFrom: {${reference}: {name: bytes, key: k}}\n`);

      test(`${name}: bytes of a ${kind} that are no text`, async () => {
        await way().apply(spec() + object(BYTES));
        await way().has(BYTES);
      });

      test(`${name}: bytes of a ${kind} that are a text, with its mark at the start`, async () => {
        const text = Buffer.from("\ufeffwörld \0 😀\r\n");
        await way().apply(spec() + object(text));
        await way().has(text);
      });

      test(`${name}: bytes of a ${kind} over a restart, with no new revision, and in no record of a Secret`, async () => {
        const bytes = Buffer.concat([BYTES, Buffer.from(kind)]);
        await way().apply(spec() + object(bytes));
        await way().has(bytes);
        const { server } = way();
        const settled = () =>
          server.until("settled", "a", ({ status, metadata }) => {
            return status?.observedGeneration === metadata.generation && status?.rollout?.state === "Succeeded";
          });
        const before = (await settled()).status?.revision;
        const records = await fetch(`${server.url}/api/v1/filters/default/a/revisions`).then((response) => response.text());
        assert.equal(records.includes(bytes.toString("base64")), kind === "ConfigMap");
        await server.kill();
        await server.start();
        const late = await startEnvoy({ config: bootstrapFor(server).replaceAll("web-1", "web-2"), log: "warning" });
        try {
          await answers(await late.port(), bytes);
        } finally {
          await late.stop();
        }
        assert.equal((await settled()).status?.revision, before);
      });
    }

    test(`${name}: an environment variable`, async () => {
      await way().apply(filter('  env: [{name: A, value: "wörld \\U0001F600 \\x7f"}]\n', "env"));
      await way().has(Buffer.from("wörld 😀 \x7f"));
    });
  }

  test("weir apply sends a manifest's digits to a cluster as kubectl does", async () => {
    const fields = NUMBERS.map(([written], index) => `    n${10 + index}: ${written}\n`).join("");
    const named = (name: string) => filter(`  config:\n${fields}    on: yes\n`).replace("name: a,", `name: ${name},`);
    const file = join(folder, "by-weir.yaml");
    await writeFile(file, named("by-weir"));
    await weir(["apply", "-f", file, "--kubeconfig", cluster.kubeconfig]);
    await kubectl(["apply", "-f", "-"], { ...cluster, input: named("by-kubectl") });
    const config = async (name: string) => {
      const object = await kubectl(["get", "--raw", `/apis/weir.dev/v1alpha1/namespaces/default/wasmfilters/${name}`], cluster);
      return /"spec":\{"config":(\{[^}]*\})/.exec(object)?.[1];
    };
    const expected = NUMBERS.map(([, gets], index) => `"n${10 + index}":${gets}`).join(",");
    assert.equal(await config("by-weir"), `{${expected},"true":true}`);
    assert.equal(await config("by-kubectl"), await config("by-weir"));
    await kubectl(["delete", "wf", "by-weir", "by-kubectl"], cluster);
  });

  test("what an API server itself makes of numbers: whole ones beyond 64 bits and all others become float64, and lose what that has not", async () => {
    const body = (config: string) =>
      `{"apiVersion":"weir.dev/v1alpha1","kind":"WasmFilter","metadata":{"name":"raw"},"spec":{"image":"r.example/none:1","config":${config}}}`;
    const path = "/apis/weir.dev/v1alpha1/namespaces/default/wasmfilters";
    const json = NUMBERS.filter(([written]) => !written.startsWith("0x"));
    await kubectl(["create", "--raw", path, "-f", "-"], { ...cluster, input: body(`[${json.map(([written]) => written).join(",")}]`) });
    const stored = await kubectl(["get", "--raw", `${path}/raw`], cluster);
    assert.ok(stored.includes(`"config":[${json.map(([, gets]) => gets).join(",")}]`), stored);
    const tooLarge = kubectl(["create", "--raw", path, "-f", "-"], { ...cluster, input: body("1e400") });
    await assert.rejects(tooLarge, /1e400|out of range|cannot unmarshal/);
  });
});
