import assert from "node:assert/strict";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { stringify } from "yaml";
import { createAuthority } from "../base/testing/certificates.ts";
import type { WasmFilter } from "../model/gen/wasmfilter.ts";
import { pushModule } from "../oci/index.ts";
import { ENVOY_VERSIONS, type EnvoyVersion, installEnvoyVersion } from "../scripts/tools/envoy.ts";
import { isOlder } from "../scripts/tools/machine.ts";
import { FILTER_CHAIN_TYPE, HTTP_WASM_TYPE } from "../xds/envoy/chain.ts";
import { type EchoApp, startEchoApp } from "./support/echo-app.ts";
import { type Envoy, startEnvoy } from "./support/envoy.ts";
import { customer, type Fault, faultyFilter } from "./support/faulty.ts";
import { reservePort } from "./support/ports.ts";
import { eventually } from "./support/process.ts";
import { soon } from "./support/soon.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { get, startTraffic } from "./support/traffic.ts";
import { startWeir, type Weir, weir } from "./support/weir.ts";

// One server as it is started for machines outside a cluster, and for each version of Envoy a namespace with one filter and two proxies: a managed
// sidecar that shows a token, and one with a slot that shows a certificate.

const NAME = "weir.example";
const READER = "the-token-of-a-reader-0123456789";
const FILTER_CHAIN_SINCE = "1.39";
/** Before, Envoy cannot put `Bearer` before a token. */
const PREFIX_SINCE = "1.37";

/** Before, the watchdog of the workers takes the settings of the main thread's: https://github.com/envoyproxy/envoy/pull/43522 */
const WATCHDOG_SINCE = "1.38";

const servers = createAuthority("servers");
const clients = createAuthority("clients");
const open: (() => Promise<unknown>)[] = [];
let folder: string;
let app: EchoApp;
let server: Weir;

const namespaceOf = (version: EnvoyVersion) => `envoy-${version.replaceAll(".", "-")}`;
const tokenOf = (version: EnvoyVersion) => `the-token-of-${namespaceOf(version)}-0123456789`;

/** What this machine cannot have is skipped by name. */
const reasons = new Map<EnvoyVersion, string>();
for (const version of ENVOY_VERSIONS) {
  await installEnvoyVersion(version).catch((error: Error) => reasons.set(version, error.message));
}

before(async () => {
  const temp = await createTempFolder("versions");
  open.push(temp.remove);
  folder = temp.path;
  await mkdir(join(folder, "filters"));
  app = await startEchoApp();
  open.push(app.stop);
  const { cert, key } = servers.issue(NAME);
  const tokens = ENVOY_VERSIONS.map((version): object => ({ token: tokenOf(version), namespace: namespaceOf(version) }));
  tokens.push({ token: READER, role: "reader" });
  const files = { "tls.crt": cert, "tls.key": key, "ca.crt": clients.cert, "tokens.yaml": stringify(tokens) };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text, { mode: 0o600 });
  const tls = ["--xds-tls-cert", "tls.crt", "--xds-tls-key", "tls.key", "--xds-client-ca", "ca.crt", "--token-auth-file", "tokens.yaml"];
  server = await startWeir({ source: ["--filters", "filters"], data: "data", cwd: folder, flags: tls, token: READER });
  open.push(server.stop);
});

after(async () => {
  for (const close of open.reverse()) await close();
});

/** Makes release `number` of a version's filter, with one fault, and gives its digest. The manifest asks for `image`, and for the digest if that is pinned. */
async function release(version: EnvoyVersion, number: number, fault: Fault, pinTo?: string): Promise<string> {
  const namespace = namespaceOf(version);
  const image = `oci-layout:images-${namespace}:r${number}`;
  const pushed = await pushModule(image, await faultyFilter(fault, `${number}`), { keychain: new Map(), layoutBase: folder });
  assert.ok(pushed.ok);
  const { digest } = pushed.value;
  const spec = {
    image: pinTo ?? image,
    ...(pinTo === undefined ? {} : { digest }),
    rollout: { steps: [{ percent: 100, hold: "3s" }], progressDeadline: "60s" },
  };
  const manifest = { apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: { name: namespace, namespace }, spec };
  await writeFile(join(folder, `${namespace}.json`), JSON.stringify(manifest));
  await rename(join(folder, `${namespace}.json`), join(folder, "filters", `${namespace}.json`));
  return digest;
}

const resultOf = (filter: WasmFilter, digest: string) => filter.status?.history?.find((item) => item.digest === digest)?.result;

async function becomes(version: EnvoyVersion, digest: string, result: "Succeeded" | "RolledBack"): Promise<WasmFilter> {
  return server.until(`${digest} to be ${result}`, namespaceOf(version), (filter) => resultOf(filter, digest) === result, 40_000);
}

interface Proxy {
  readonly envoy: Envoy;
  readonly port: number;
  mark(): Promise<unknown>;
}

/** Starts what `weir bootstrap` prints for this proxy, as documented for the version. */
async function startProxy(
  t: TestContext,
  version: EnvoyVersion,
  node: string,
  words: readonly string[],
  files: Readonly<Record<string, string>>,
): Promise<Proxy> {
  const namespace = namespaceOf(version);
  const out = join(folder, namespace, node);
  await mkdir(out, { recursive: true });
  for (const [name, text] of Object.entries({ ...files, "server-ca.crt": servers.cert }))
    await writeFile(join(out, name), text, { mode: 0o600 });
  const port = await reservePort();
  const where = ["--xds", `${NAME}:${server.xdsPort}`, "--listen", `127.0.0.1:${port}`, "--upstream", `127.0.0.1:${app.port}`];
  const secrets = words.map((word) => (word in files ? join(out, word) : word));
  await weir(["bootstrap", "--node", node, "-n", namespace, ...where, "--tls-ca", join(out, "server-ca.crt"), ...secrets, "--out", out]);
  const printed = await readFile(join(out, "envoy.yaml"), "utf8");
  const config = forVersion(version, namespace, printed).replace(`address: "${NAME}"`, 'address: "127.0.0.1"');
  const envoy = await startEnvoy({ config, version, log: "warning", concurrency: 1 });
  t.after(() => envoy.kill());
  return { envoy, port, mark: async () => (await get(port)).headers["x-weir"] };
}

/** The printed bootstrap, changed as docs/proxies.md says for an old Envoy. */
function forVersion(version: EnvoyVersion, namespace: string, printed: string): string {
  let config = printed;
  if (isOlder(version, PREFIX_SINCE)) config = config.replace(/^ *header_value_prefix: .*\n/m, "");
  if (isOlder(version, WATCHDOG_SINCE))
    config = config.replace(/^ {2}worker_watchdog: /m, "  main_thread_watchdog: {kill_timeout: 10s}\n$&");
  if (!isOlder(version, FILTER_CHAIN_SINCE)) return config;
  return config
    .replace('name: "weir/default"', `name: "weir/default/${namespace}/${namespace}"`)
    .replaceAll(FILTER_CHAIN_TYPE, HTTP_WASM_TYPE);
}

describe("the main scenarios on each version of Envoy that is supported", { concurrency: true, timeout: 90_000 }, () => {
  for (const version of ENVOY_VERSIONS) {
    test(`Envoy ${version}`, { skip: reasons.get(version) ?? false }, async (t) => {
      const good = await release(version, 0, "good");
      const managed = await startProxy(t, version, "edge-managed", ["--managed", "--token-file", "token"], { token: tokenOf(version) });
      const own = clients.issue("edge-slot", { uri: `spiffe://example.org/ns/${namespaceOf(version)}/sa/web` });
      const files = { "tls.crt": own.cert, "tls.key": own.key };
      const slot = await startProxy(t, version, "edge-slot", ["--tls-cert", "tls.crt", "--tls-key", "tls.key"], files);
      const both = async () => [await managed.mark(), await slot.mark()];
      await eventually("the first release", async () => (await both()).every((mark) => mark === "0"), 30_000);
      await becomes(version, good, "Succeeded");

      await t.test("an update by digest reaches the managed listener and the slot", async () => {
        await becomes(version, await release(version, 1, "good", `oci-layout:images-${namespaceOf(version)}:r0`), "Succeeded");
        assert.deepEqual(await both(), ["1", "1"]);
        const { status } = await server.until("its proxies", namespaceOf(version), (filter) => filter.status?.proxies?.updated === 2);
        assert.deepEqual(status?.proxies, { matched: 2, updated: 2, rejected: 0, pending: 0 });
      });

      await t.test("a release that a proxy refuses is rolled back, and no request fails or goes unfiltered", async (t) => {
        const traffic = [managed, slot].map(({ port }) =>
          startTraffic({ port, clients: 1, pauseMs: 20, filtered: ({ headers }) => headers["x-weir"] === "1" }),
        );
        await becomes(version, await release(version, 2, "refusesOnProxy"), "RolledBack");
        await soon(both, ["1", "1"]);
        for (const one of traffic) {
          const { sent, failed, unfiltered, samples } = await one.stop();
          assert.deepEqual({ failed, unfiltered, samples }, { failed: 0, unfiltered: 0, samples: [] });
          t.diagnostic(`${version}: ${sent} requests, 0 failed, 0 unfiltered`);
        }
      });

      await t.test("a release that fails requests is rolled back by the statistics of its proxies", async (t) => {
        const traffic = [managed, slot].map(({ port }) =>
          startTraffic({ port, clients: 1, pauseMs: 20, headers: customer, filtered: () => true }),
        );
        const { status } = await becomes(version, await release(version, 3, "trapsOnTraffic"), "RolledBack");
        await soon(both, ["1", "1"]);
        await Promise.all(traffic.map((one) => one.stop()));
        const [told] = status?.history?.filter(({ revision }) => revision === 4) ?? [];
        t.diagnostic(`${version}: ${told?.message}`);
        assert.match(told?.message ?? "", /5xx|failed|VM/);
      });

      await t.test("a release that hangs a worker is rolled back, and the watchdog ends that Envoy", async (t) => {
        const digest = await release(version, 4, "loops");
        await eventually("the module that loops", async () => (await both()).every((mark) => mark === "4"), 30_000);
        const sent = performance.now();
        void get(managed.port, { "x-loop": "1" });
        void managed.envoy.exited.then(() =>
          t.diagnostic(`${version}: ended ${(performance.now() - sent).toFixed(0)} ms after the request`),
        );
        const { status } = await becomes(version, digest, "RolledBack");
        t.diagnostic(`${version}: ${status?.history?.find((item) => item.digest === digest)?.message}`);
        await eventually("the other proxy to run what it ran before", async () => (await slot.mark()) === "1");
        const { signal } = await managed.envoy.exited;
        assert.equal(signal, "SIGABRT");
      });
    });
  }
});

test("a token that the server does not know gets no filter, and the reason", async (t) => {
  const [version] = ENVOY_VERSIONS;
  assert.ok(version);
  const stranger = await startProxy(t, version, "edge-stranger", ["--token-file", "token"], {
    token: "a-token-that-nobody-gave-0123456789",
  });
  const closed = () => stranger.envoy.get("/stats?filter=control_plane.connected_state");
  await eventually(
    "the refusal in its log",
    () => /gRPC config stream to weir_xds closed: (7|16), .*token/.test(stranger.envoy.logs()),
    20_000,
  );
  assert.match(await closed(), /connected_state: 0/);
});
