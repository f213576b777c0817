import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { createAuthority } from "../base/testing/certificates.ts";
import { systemClock } from "../model/clock.ts";
import { silentLog } from "../model/log.ts";
import type { ModuleRegistry } from "../model/module.ts";
import {
  createAddressPolicy,
  createFetch,
  createMirrors,
  createModuleRegistry,
  type ModuleRegistryOptions,
  parseMirror,
  pushModule,
  readProxies,
} from "../oci/index.ts";
import { valued } from "../oci/testing/result.ts";
import { installTinyproxy } from "../scripts/tools/debian.ts";
import { ToolError } from "../scripts/tools/run.ts";
import { startOnReservedPort } from "./support/ports.ts";
import { type Process, startProcess } from "./support/process.ts";
import { type Registry, startRegistry } from "./support/registry.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { headerFilter } from "./support/wat.ts";

const keychain = new Map();
const asking = { keychain, namespace: "shop" };
const tinyproxy = await installTinyproxy().catch((error: unknown) => {
  if (error instanceof ToolError) return error;
  throw error;
});

let folder: Awaited<ReturnType<typeof createTempFolder>>;
let stores = 0;
before(async () => {
  folder = await createTempFolder("registry-network");
});
after(() => folder?.remove());

const emptyStore = (options: Partial<ModuleRegistryOptions>): ModuleRegistry =>
  createModuleRegistry({ ...options, dataDir: join(folder.path, `data-${stores++}`) });

/** Resolves the tag and pulls what it points at; gives the module's digest. */
async function pulled(registry: ModuleRegistry, image: string): Promise<string> {
  const digest = valued(await registry.resolve(image, undefined, asking));
  return valued(await registry.pull(image, digest, asking)).wasmDigest;
}

describe("a mirror that CNCF distribution keeps of another", () => {
  test("is read instead of the registry, which it asks once, and the registry is read when it is away", async (t) => {
    const origin = await startRegistry();
    t.after(() => origin.stop());
    const mirror = await startRegistry({ cacheOf: `http://${origin.host}` });
    t.after(() => mirror.stop());
    const image = `${origin.host}/team/f:1`;
    const { wasmDigest } = valued(await pushModule(image, await headerFilter({ name: "x-f", value: "mirrored" }), { keychain }));
    const place = valued(parseMirror(`${origin.host}=${mirror.host}`));
    const mirrored = () => emptyStore({ mirrors: createMirrors([place], { clock: systemClock, log: silentLog }) });
    const blob = `/v2/team/f/blobs/${wasmDigest}`;
    for (let i = 0; i < 3; i++) assert.equal(await pulled(mirrored(), image), wasmDigest);
    const downloads = (registry: Registry) =>
      registry
        .logs()
        .split("\n")
        .filter((line) => line.includes(`"GET ${blob}`)).length;
    t.diagnostic(`downloads of the module: ${downloads(mirror)} from the mirror, ${downloads(origin)} from the registry`);
    assert.equal(downloads(mirror), 3);
    assert.equal(downloads(origin), 1);
    await mirror.stop();
    assert.equal(await pulled(mirrored(), image), wasmDigest);
    assert.equal(downloads(origin), 2);
  });
});

describe("a forward proxy", { skip: tinyproxy instanceof ToolError && tinyproxy.message }, () => {
  const authority = createAuthority("Registries");
  let origin: Registry;
  let proxy: Process;
  let proxyUrl: string;

  before(async () => {
    if (tinyproxy instanceof ToolError) throw tinyproxy;
    origin = await startRegistry({ tls: authority.issue("registry.example") });
    // The proxy alone knows where the name leads.
    const hosts = join(folder.path, "hosts");
    await writeFile(hosts, "127.0.0.1 registry.example\n");
    const { program, names } = tinyproxy;
    proxy = await startOnReservedPort(async (port) => {
      const config = join(folder.path, "tinyproxy.conf");
      await writeFile(config, `Port ${port}\nListen 127.0.0.1\nLogLevel Info\nMaxClients 100\nBasicAuth weir hunter2\n`);
      proxyUrl = `http://weir:hunter2@127.0.0.1:${port}`;
      const started = await startProcess(program, ["-d", "-c", config], {
        name: "tinyproxy",
        env: { LD_PRELOAD: names, NSS_WRAPPER_HOSTS: hosts },
      });
      await started.waitFor("its word", async () => started.logs().includes("Accepting connections"));
      return started;
    });
  });
  after(() => Promise.all([proxy?.stop(), origin?.stop()]));

  /** As `weir serve` makes it of its environment. */
  const through = (env: Record<string, string>) => {
    const proxies = valued(readProxies(env)) ?? false;
    return createFetch({ policy: createAddressPolicy({ loopback: false, allowed: [] }), proxies, ca: [authority.cert] });
  };

  test("is gone through by HTTPS_PROXY, to a name that it alone knows, and the certificate is the registry's", async (t) => {
    const image = `registry.example:${origin.port}/team/f:1`;
    const fetch = through({ HTTPS_PROXY: proxyUrl });
    const module = await headerFilter({ name: "x-f", value: "proxied" });
    const { wasmDigest } = valued(await pushModule(image, module, { keychain, fetch }));
    assert.equal(await pulled(emptyStore({ fetch }), image), wasmDigest);
    const tunnels = proxy
      .logs()
      .split("\n")
      .filter((line) => line.includes("CONNECT registry.example")).length;
    t.diagnostic(`${tunnels} tunnels`);
    assert.ok(tunnels > 0);
    assert.match(origin.logs(), new RegExp(`GET /v2/team/f/blobs/${wasmDigest}`));
  });

  test("that refuses says so without a word of its password, and what NO_PROXY names does not go through it", async () => {
    const image = `registry.example:${origin.port}/team/f:1`;
    const refused = await emptyStore({ fetch: through({ HTTPS_PROXY: proxyUrl.replace("hunter2", "wr0ng") }) }).resolve(
      image,
      undefined,
      asking,
    );
    assert.ok(!refused.ok && refused.error.reason === "RegistryUnavailable" && !/wr0ng|hunter2/.test(refused.error.message));
    const before = proxy.logs().length;
    const direct = await emptyStore({ fetch: through({ HTTPS_PROXY: proxyUrl, NO_PROXY: ".example" }) }).resolve(image, undefined, asking);
    // This machine does not know the name.
    assert.ok(!direct.ok && /ENOTFOUND|EAI_AGAIN/.test(direct.error.message), JSON.stringify(direct));
    assert.equal(proxy.logs().length, before);
  });
});
