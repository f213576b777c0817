import assert from "node:assert/strict";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import type { AddressInfo } from "node:net";
import { createServer, type Server } from "node:net";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { after, before, describe, test } from "node:test";
import type { KubeApi } from "../model/kube.ts";
import { pushModule, readPrivateKey, signImage } from "../oci/index.ts";
import { ROOT } from "../scripts/tests/files.ts";
import { run as runProgram } from "../scripts/tools/run.ts";
import { ADMISSION, admissionConfiguration } from "./support/admission.ts";
import { accessTo, type Cluster, installCrds, kubectl, startCluster } from "./support/cluster.ts";
import { cpuOf, scheduled } from "./support/cpu.ts";
import { reservePort } from "./support/ports.ts";
import { eventually } from "./support/process.ts";
import { type Registry, startRegistry } from "./support/registry.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { headerFilter } from "./support/wat.ts";
import { startWeir, type Weir } from "./support/weir.ts";

/** WasmFilters that are judged before they are stored: a real API server, with the chart's configuration, asks a real Weir, which asks a real registry. */
const FILTERS = "/apis/weir.dev/v1alpha1/namespaces/default/wasmfilters";
const NONE = `sha256:${"0".repeat(64)}`;

let cluster: Cluster;
let registry: Registry;
let weir: Weir;
let api: KubeApi;
let port: number;
let digest: string;
const cleanups: (() => Promise<unknown>)[] = [];

before(async () => {
  const folder = await createTempFolder("admission");
  cleanups.push(folder.remove);
  [cluster, registry] = await Promise.all([startCluster(), startRegistry()]);
  cleanups.push(cluster.stop, registry.stop);
  api = accessTo(cluster.kubeconfig).api;
  await installCrds(cluster);
  const pushed = await pushModule(`${registry.host}/mark:1`, await headerFilter({ name: "x-weir", value: "one" }), { keychain: new Map() });
  assert.ok(pushed.ok, JSON.stringify(pushed));
  digest = pushed.value.digest;
  port = await reservePort();
  await run(["create", "-f", "-"], await admissionConfiguration(`https://127.0.0.1:${port}/`, folder.path));
  weir = await startWeir({
    source: ["--kubeconfig", cluster.kubeconfig],
    data: join(folder.path, "data"),
    flags: [
      ...["--xds-tls", "auto", "--xds-name", "weir.weir-system.svc", "--own-namespace", "weir-system"],
      ...["--webhook-address", `127.0.0.1:${port}`, "--admission-configuration", ADMISSION, "--allow-address", "127.0.0.0/8"],
    ],
  });
  cleanups.push(weir.stop);
  await eventually("the authority and the path in the configuration", async () => (await client()).caBundle !== undefined, 20_000);
  // The API server takes a configuration a little after it is stored.
  await eventually("a refusal", async () => (await create("ready", { image: "r.example:99999/f:1" }, true)).ok === false, 20_000);
});

after(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

function run(args: readonly string[], input?: object): Promise<string> {
  return kubectl(args, { ...cluster, input: input && JSON.stringify(input) });
}

async function client(): Promise<{ readonly url: string; readonly caBundle?: string }> {
  const { webhooks } = JSON.parse(await run(["get", "validatingwebhookconfiguration", ADMISSION, "-o", "json"]));
  return webhooks[0].clientConfig;
}

function filter(name: string, spec: object, metadata: object = {}): object {
  return { apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: { name, namespace: "default", ...metadata }, spec };
}

function create(name: string, spec: object, dryRun = false) {
  return api.request({ method: "POST", path: FILTERS, body: filter(name, spec), ...(dryRun ? { query: { dryRun: "All" } } : {}) });
}

function patch(name: string, body: object, dryRun = false) {
  const query = dryRun ? { query: { dryRun: "All" } } : {};
  return api.request({ method: "PATCH", path: `${FILTERS}/${name}`, contentType: "application/merge-patch+json", body, ...query });
}

function refusal(answer: Awaited<ReturnType<typeof create>>): string {
  return answer.ok ? "it was stored" : `${answer.error.status} ${answer.error.message}`;
}

/**
 * Weir answers within a second or not at all, and then an object is stored: on a machine that stands still a refusal may take a second try. What is asked changes
 * nothing where it is let through.
 */
async function refused(ask: () => ReturnType<typeof create>, says: RegExp): Promise<void> {
  const words = await eventually("a refusal", async () => {
    const answer = await ask();
    return answer.ok ? undefined : refusal(answer);
  });
  assert.match(words, says);
}

/** Of 400, those that a machine which stands still for a moment lets through. */
const MOST_LATE = 8;

/** What kubectl says, once it says all of this. */
async function warned(ask: () => Promise<string>, ...says: readonly RegExp[]): Promise<void> {
  let said = "";
  await eventually("the warnings", async () => {
    said = await ask();
    return says.every((each) => each.test(said));
  }).catch(() => {
    for (const each of says) assert.match(said, each);
  });
}

const image = () => `${registry.host}/mark:1`;

/** Lines of the metrics. */
async function counted(outcome: string): Promise<number> {
  const text = await weir.metrics();
  return Number(new RegExp(`^weir_reviews_total\\{outcome="${outcome}"\\} (\\d+)$`, "m").exec(text)?.[1]);
}

describe("kubectl", () => {
  test("is refused what cannot be, field by field; a dry run is refused as well, and neither keeps anything", async () => {
    for (const [spec, says] of [
      [
        { image: "r.example:99999/f:1" },
        /denied the request: spec\.image: "r\.example:99999\/f:1" is not an image reference: "r\.example:99999" is not a host/,
      ],
      [
        { image: "oci-layout:/etc:1" },
        /spec\.image: oci-layout:\/etc: oci-layout folders are not available here; push the image to a registry/,
      ],
      [{ image: image(), digest: NONE }, /spec\.digest: .*\/mark has no image sha256:0{64}; check the name and the tag, or push it first/],
      [{ image: `${registry.host}/mark@${NONE}` }, /spec\.image: .*\/mark has no image sha256:0{64}/],
    ] as const) {
      for (const flags of [[], ["--dry-run=server"]]) {
        const words = await eventually(`a refusal of ${JSON.stringify(spec)}`, async () => {
          const said = await run(["apply", "-f", "-", ...flags], filter("bad", spec)).then(() => undefined, String);
          if (said === undefined) await run(["delete", "wf", "bad", "--ignore-not-found"]);
          return said;
        });
        assert.match(words, says, JSON.stringify(spec));
      }
    }
    assert.match(await run(["get", "wf", "-o", "name"]), /^$/);
  });

  test("shows warnings, and stores the object", async () => {
    const object = filter("warned", { image: `${registry.host}/mark:2`, slot: "edge" });
    await warned(
      () => run(["apply", "-f", "-", "--dry-run=server", "--warnings-as-errors"], object).catch(String),
      /Warning: spec\.image: .*\/mark has no image 2; check the name and the tag, or push it first/,
      /Warning: spec\.image: the tag is looked at once; pin it by spec\.digest, or follow it with spec\.pullPolicy Always/,
      /Warning: spec\.selector: it selects no proxy of namespace default that is connected now/,
    );
  });
});

describe("an image that is asked to be signed", () => {
  test("is stored in silence where it is, and with a warning where nobody signed it", async () => {
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const publicPem = publicKey.export({ format: "pem", type: "spki" }).toString();
    const spec = { image: image(), pullPolicy: "Always", verify: [{ cosign: { publicKey: publicPem } }] };
    const dryRun = () => run(["apply", "-f", "-", "--dry-run=server", "--warnings-as-errors"], filter("asked", spec)).catch(String);
    await warned(dryRun, /Warning: spec\.verify\[0\]: \S+ is not signed/);
    const key = await readPrivateKey(privateKey.export({ format: "pem", type: "pkcs8" }).toString(), "");
    assert.ok(key.ok);
    const signed = await signImage(image(), undefined, { keychain: new Map(), key: key.value, created: new Date().toISOString() });
    assert.ok(signed.ok, JSON.stringify(signed));
    // The API server takes an answer with what its audit log is to note.
    const said = await dryRun();
    assert.doesNotMatch(said, /spec\.verify/);
    assert.match(said, /Warning: spec\.selector: it selects no proxy/);
    assert.match(await run(["apply", "-f", "-", "--dry-run=server"], filter("asked", spec)), /created \(server dry run\)/);
  });
});

describe("a change", () => {
  test("of what was stored before is judged by the fields that change; metadata, status and deletes are not", async () => {
    // While Weir is away it is stored as it is.
    await weir.stop();
    const stored = await api.request({
      method: "POST",
      path: FILTERS,
      body: filter("old", { image: image(), digest: NONE }, { finalizers: ["test.weir.dev/stay"] }),
    });
    assert.ok(stored.ok, refusal(stored));
    await weir.start();
    await eventually(
      "its status",
      async () => (await weir.filter("old"))?.status?.conditions?.some(({ status }) => status === "False"),
      20_000,
    );
    await eventually("a refusal", async () => (await create("ready", { image: "r.example:99999/f:1" }, true)).ok === false, 20_000);
    const before = await counted("unchanged");
    assert.ok((await patch("old", { metadata: { labels: { a: "b" } } })).ok);
    assert.ok((await patch("old", { spec: { suspend: true } })).ok, "it can be suspended");
    await refused(() => patch("old", { spec: { digest: NONE.replace("00", "11") } }, true), /^422 .*spec\.digest/);
    assert.ok((await patch("old", { spec: { digest } }, true)).ok);
    await api.request({ method: "DELETE", path: `${FILTERS}/old` });
    assert.ok((await patch("old", { spec: { digest: NONE.replace("00", "11") } })).ok, "it is being deleted");
    assert.ok((await patch("old", { metadata: { finalizers: null } })).ok);
    assert.equal(await counted("unchanged"), before, "the API server does not even ask");
  });

  test("back to a digest of the history is stored although the registry is gone", async () => {
    assert.ok((await create("back", { image: image() })).ok);
    await weir.until("a revision", "back", ({ status }) => status?.revision === 1, 30_000);
    const gone = `127.0.0.1:${await reservePort()}/mark:1`;
    assert.ok((await patch("back", { spec: { image: gone, digest } }, true)).ok);
    assert.ok((await api.request({ method: "DELETE", path: `${FILTERS}/back` })).ok);
  });
});

describe("the schema of an image", () => {
  const SCHEMA = { type: "object", additionalProperties: false, properties: { value: { type: "string", maxLength: 10 } } };
  const ok = { value: "one" };

  async function push(tag: string, schema: string): Promise<string> {
    const name = `${registry.host}/judged:${tag}`;
    const options = { keychain: new Map(), configSchema: Buffer.from(schema) };
    const pushed = await pushModule(name, await headerFilter({ name: "x-weir", value: tag }), options);
    assert.ok(pushed.ok, JSON.stringify(pushed));
    return name;
  }

  test("refuses a configuration before it is stored, and after it is stored keeps it from going out: in the same words", async () => {
    const judged = await push("1", JSON.stringify(SCHEMA));
    const [unknown, long] = [
      "spec.config.other: unknown field; remove it, by the schema of its image",
      "spec.config.value: must have at most 10 characters, by the schema of its image",
    ];
    const bad = { value: "eleven chars", other: 1 };
    await refused(() => create("judged", { image: judged, config: bad }, true), new RegExp(`422 .*${long} \\| ${unknown}`));
    assert.ok((await create("judged", { image: judged, config: ok })).ok);
    await weir.until("a revision", "judged", ({ status }) => status?.revision === 1, 30_000);
    // The store has it now.
    await refused(() => patch("judged", { spec: { config: bad } }, true), new RegExp(`422 .*${unknown}`));
    // Past the webhook: from a ConfigMap, which is judged when it is resolved.
    await run(["create", "configmap", "texts", `--from-literal=a=${JSON.stringify(bad)}`]);
    const from = { config: null, configFrom: { configMapKeyRef: { name: "texts", key: "a" } } };
    assert.ok((await patch("judged", { spec: from })).ok);
    const condition = ({ status }: { status?: { conditions?: readonly { type: string; reason: string; message?: string }[] } }) =>
      status?.conditions?.find(({ type, reason }) => type === "Validated" && reason === "ConfigInvalid");
    const stopped = await weir.until("its condition", "judged", (filter) => condition(filter) !== undefined, 30_000);
    assert.match(
      condition(stopped)?.message ?? "",
      /^spec\.configFrom: value: must have at most 10 characters, by the schema of its image/,
    );
    assert.equal(stopped.status?.revision, 1, "what was served is served");
  });

  test("is bounded, however hostile it is", async () => {
    const cases = [
      [
        "large",
        JSON.stringify({ description: "x".repeat(1 << 20) }),
        /spec\.image: the schema for configurations that the image carries has more than 65536 bytes/,
      ],
      ["remote", JSON.stringify({ $ref: "https://evil.example/x" }), /carries has a \$ref that leads out of it/],
      ["deep", `${'{"not":'.repeat(5_000)}{}${"}".repeat(5_000)}`, /nested deeper than 64 levels/],
      ["none", "{", /is not JSON; push it again with weir push --config-schema/],
    ] as const;
    for (const [tag, schema, says] of cases) {
      const carrying = await push(tag, schema);
      await refused(() => create(tag, { image: carrying, config: ok }, true), says);
    }
    const slow = await push("slow", JSON.stringify({ properties: { value: { pattern: "^(a+)+$" } } }));
    const config = { value: `${"a".repeat(60)}!` };
    const said = await run(["apply", "-f", "-", "--dry-run=server", "--warnings-as-errors"], filter("slow", { image: slow, config })).catch(
      String,
    );
    assert.match(said, /Warning: spec\.(image|config): /);
    const judged = `${registry.host}/judged:1`;
    await eventually(
      "others are judged",
      async () => /unknown field/.test(refusal(await create("other", { image: judged, config: { a: 1 } }, true))),
      20_000,
    );
  });
});

describe("weir check", () => {
  const admission = async (): Promise<string[]> => {
    const args = ["check", "-o", "json", "--kubeconfig", cluster.kubeconfig, "-n", "weir-system"];
    const { stdout } = await runProgram(join(ROOT, "bin/weir"), args);
    const found = JSON.parse(stdout).findings.filter(({ about }: { about: string }) => about === "admission");
    return found.map(({ status, message }: Record<string, string>) => `${status} ${message}`);
  };

  test("sees whether a WasmFilter that cannot be is refused", async () => {
    assert.match((await admission()).join(), /^warn a ValidatingWebhookConfiguration is there, and Weir is not told to answer/);
    const labels = { "app.kubernetes.io/name": "weir" };
    const container = { name: "weir", image: "r.example/weir:1", args: ["serve", `--admission-configuration=${ADMISSION}`] };
    const template = { metadata: { labels }, spec: { containers: [container] } };
    await run(["create", "namespace", "weir-system"]);
    await run(["create", "-f", "-"], {
      ...{ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "weir", namespace: "weir-system", labels } },
      spec: { selector: { matchLabels: labels }, template },
    });
    assert.deepEqual(await admission(), ["ok a WasmFilter that cannot be is refused before it is stored"]);
    await weir.stop();
    assert.match((await admission()).join(), /^warn a WasmFilter that cannot be was let through, so Weir does not answer/);
    await weir.start();
    await eventually("a refusal", async () => (await create("ready", { image: "r.example:99999/f:1" }, true)).ok === false, 20_000);
  });
});

describe("registries", () => {
  test("that never answer hold nobody up: after a second it is stored, with a warning", async () => {
    const silent: Server = createServer((socket) => socket.on("error", () => {}));
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    cleanups.push(async () => silent.close());
    const { port: at } = silent.address() as AddressInfo;
    const began = performance.now();
    const said = await run(
      ["apply", "-f", "-", "--dry-run=server", "--warnings-as-errors"],
      filter("slow", { image: `127.0.0.1:${at}/f:1`, pullPolicy: "Always" }),
    ).catch(String);
    assert.match(said, /Warning: spec\.image: the registry did not answer in time, so it was not looked at/);
    assert.ok(performance.now() - began < 20_000);
  });
});

describe("many questions", () => {
  test("one after the other: an answer takes less than 50 ms", async (t) => {
    const times: number[] = [];
    // The first question loads what others have.
    await eventually("a warm server", async () => (await create("warm", { image: image(), digest: NONE }, true)).ok === false, 20_000);
    const [cpuBefore, ran] = [await cpuOf(weir.pid()), await scheduled(weir.pid())];
    let late = 0;
    for (let index = 0; index < 400; index++) {
      const began = performance.now();
      const spec = index % 4 === 0 ? { image: image(), digest: NONE } : { image: image(), rootId: String(index) };
      const answer = await create(`p-${index}`, spec, true);
      times.push(performance.now() - began);
      if (answer.ok && index % 4 === 0) late += 1;
      else assert.equal(answer.ok, index % 4 !== 0, refusal(answer));
    }
    const cpu = ((await cpuOf(weir.pid())) - cpuBefore) / times.length;
    times.sort((a, b) => a - b);
    const [median, p99] = [0.5, 0.99].map((share) => times[Math.floor(share * times.length)] ?? 0) as [number, number];
    t.diagnostic(`${times.length} requests through the API server: median ${median.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`);
    t.diagnostic(`each took ${cpu.toFixed(2)} ms of Weir's CPU; ${cpus().length} cores had a load of ${loadavg()[0]?.toFixed(1)}`);
    const text = await weir.metrics();
    const buckets = [...text.matchAll(/^weir_review_duration_seconds_bucket\{le="([^"]+)",outcome="\w+"\} (\d+)$/gm)];
    const within = (le: string) => buckets.filter(([, at]) => at === le).reduce((sum, [, , many]) => sum + Number(many), 0);
    t.diagnostic(`of ${within("+Inf")} verdicts ${within("0.05")} took less than 50 ms`);
    assert.ok(cpu < 20, `${cpu} ms of CPU`);
    assert.ok(late <= MOST_LATE, `${late} were not judged in time`);
    // Where Weir waits for a core, the time that passes says what else is at work.
    const now = await scheduled(weir.pid());
    const share = (now.waitedNs - ran.waitedNs) / (now.ranNs - ran.ranNs);
    t.diagnostic(`${late} were not judged in time; for each ms that it ran Weir waited ${share.toFixed(2)} ms for a core`);
    if (share > 0.2) return;
    assert.ok(median < 50, `${median} ms`);
    assert.ok(within("0.05") / within("+Inf") >= 0.9, `${within("0.05")} of ${within("+Inf")}`);
  });

  test("a thousand at once are all answered, and Weir goes on", async (t) => {
    const began = performance.now();
    const answers = await Promise.all(
      Array.from({ length: 1_000 }, (_, index) => create(`m-${index}`, { image: image(), digest: NONE }, true)),
    );
    const count = answers.filter(({ ok }) => !ok).length;
    t.diagnostic(`${count} of 1000 refused, the others let through, in ${Math.round(performance.now() - began)} ms`);
    assert.ok(count > 0);
    await refused(() => create("after", { image: image(), digest: NONE }, true), /spec\.digest/);
  });
});

describe("a stranger in the cluster", () => {
  test("finds nothing to ask, as the path is not known to it; a large body is not read", async () => {
    const { url, caBundle = "" } = await client();
    const call = async (path: string, body: string | Buffer) => {
      const { Agent, fetch: send } = await import("undici");
      const dispatcher = new Agent({ connect: { ca: Buffer.from(caBundle, "base64"), servername: "weir.weir-system.svc" } });
      const answer = await send(`https://127.0.0.1:${port}${path}`, {
        method: "POST",
        body,
        headers: { "content-type": "application/json" },
        dispatcher,
      }).then(
        async (response) => ({ status: response.status, text: await response.text() }),
        (error: Error) => ({ status: 0, text: String(error.cause) }),
      );
      await dispatcher.destroy();
      return answer;
    };
    for (const path of ["/", "/review", "/review/", `/review/${randomBytes(32).toString("hex")}`, "/inject"])
      assert.deepEqual((await call(path, "{}")).status, 404, path);
    const path = new URL(url).pathname;
    assert.match(path, /^\/review\/[0-9a-f]{64}$/);
    assert.ok([0, 413].includes((await call(path, Buffer.alloc(100 << 20, 0x20))).status));
    assert.deepEqual(await call(path, `{"a":${"[".repeat(1_000_000)}`), {
      status: 400,
      text: "the body is nested deeper than 128 levels; this address is for the API server, which asks here about objects before it stores them\n",
    });
    await refused(() => create("after", { image: image(), digest: NONE }, true), /spec\.digest/);
  });
});
