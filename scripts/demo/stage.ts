import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ProxyView } from "../../hub/index.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import { type EchoApp, startEchoApp } from "../../test/support/echo-app.ts";
import { type Envoy, startEnvoy } from "../../test/support/envoy.ts";
import { startWeir, weir } from "../../test/support/weir.ts";
import { buildExamples, type Examples } from "../build-examples.ts";
import type { Narrator } from "./narrator.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const WEIR = join(ROOT, "bin", "weir");

/** The real parts of the demo: the server on a manifest folder, one Envoy before an app, and the CLI. */
export interface Stage {
  /** Folder that `oci-layout:` references are relative to, and that manifests are written in. */
  readonly folder: string;
  readonly examples: Examples;
  readonly envoy: Envoy;
  /** Where Envoy takes requests. */
  readonly port: number;
  /** Runs `weir ARGS` against the demo's folder and server; tells the command line unless `quiet`. Throws when it fails. */
  weir(args: readonly string[], options?: { quiet?: boolean }): Promise<string>;
  writeManifest(name: string, text: string): Promise<string>;
  filter(name: string): Promise<WasmFilter | undefined>;
  proxies(): Promise<readonly ProxyView[]>;
  /** What a person can do next. */
  describe(): string;
  close(): Promise<void>;
}

export async function openStage(narrator: Narrator): Promise<Stage> {
  narrator.step("Getting ready: a real Envoy, the example filters built from source, an app to protect");
  const examples = await buildExamples();
  const folder = join(ROOT, ".weir", "demo");
  await rm(folder, { recursive: true, force: true });
  await mkdir(join(folder, "filters"), { recursive: true });
  const open: { stop(): Promise<unknown> }[] = [];
  const close = async () => {
    for (const part of open.reverse()) await part.stop();
  };
  try {
    const app: EchoApp = await startEchoApp();
    open.push(app);
    const server = await startWeir({ source: ["--filters", "filters"], data: "data", cwd: folder });
    open.push(server);
    const env = { WEIR_FILTERS: join(folder, "filters"), WEIR_SERVER: server.url };
    const told: Stage["weir"] = (args, { quiet = false } = {}) => {
      if (!quiet) narrator.command(`weir ${args.join(" ")}`);
      return weir(args, { cwd: folder, env });
    };
    const bootstrap = ["bootstrap", "--node", "web-1", "--namespace", "shop", "--label", "app=web"];
    const ports = ["--xds", `127.0.0.1:${server.xdsPort}`, "--listen", "127.0.0.1:0", "--upstream", `127.0.0.1:${app.port}`];
    const config = await told([...bootstrap, ...ports]);
    const envoy = await startEnvoy({ config, log: "warning" });
    open.push(envoy);
    await envoy.ready();
    const port = await envoy.port();
    narrator.say(`Envoy runs as process ${envoy.pid} with what that printed, before an app on port ${app.port}.`);
    return {
      folder,
      examples,
      envoy,
      port,
      close,
      weir: told,
      filter: server.filter,
      proxies: server.proxies,
      async writeManifest(name, text) {
        await writeFile(join(folder, name), text);
        return name;
      },
      describe: () =>
        [
          `Envoy: http://127.0.0.1:${port}, admin ${envoy.admin}; read API: ${server.url}/api/v1/filters`,
          `export WEIR_FILTERS=${join(folder, "filters")} WEIR_SERVER=${server.url}`,
          `${WEIR} describe add-header -n shop`,
        ].join("\n"),
    };
  } catch (error) {
    await close();
    throw error;
  }
}
