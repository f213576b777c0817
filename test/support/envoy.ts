import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { type EnvoyVersion, installEnvoy, installEnvoyVersion } from "../../scripts/tools/envoy.ts";
import { type Exit, type Process, startProcess } from "./process.ts";
import { createTempFolder } from "./temp-folder.ts";

/** A running Envoy whose admin interface answers. */
export interface Envoy {
  readonly pid: number;
  /** `http://127.0.0.1:PORT` of the admin interface. */
  readonly admin: string;
  readonly exited: Promise<Exit>;
  readonly waitFor: Process["waitFor"];
  logs(): string;
  /** GET of a path of the admin interface, such as `/stats?filter=wasm`. Throws on a status other than 200. */
  get(path: string): Promise<string>;
  /** The port that a listener of the bootstrap got (write port 0 there). `weir bootstrap` names its listener `inbound`, the default. */
  port(listener?: string): Promise<number>;
  /** Waits until its first listeners accept connections, which happens after the admin interface answers. They may wait for an xDS server. */
  ready(): Promise<void>;
  stop(): Promise<void>;
  /** SIGKILL, for one that does not answer TERM. `stop` it too. */
  kill(): Promise<Exit>;
}

export interface EnvoyOptions {
  /** The bootstrap, YAML or JSON. An admin interface on a free port of 127.0.0.1 is added when it has none. */
  readonly config: string;
  /** Envoy's `--log-level` (`info` by default), or a component list for `--component-log-level` when it holds a colon. */
  readonly log?: string;
  /** Worker threads; 2 by default. */
  readonly concurrency?: number;
  readonly args?: readonly string[];
  /** A binary, in place of the one that tests run on. */
  readonly binary?: string;
  /** This very version, not the one that tests run on. */
  readonly version?: EnvoyVersion;
}

const ADMIN = "admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}";

/** Starts a real Envoy and waits until its admin interface answers; listeners may still be warming. Several can run side by side. */
export async function startEnvoy(options: EnvoyOptions): Promise<Envoy> {
  const binary = options.binary ?? (await (options.version === undefined ? installEnvoy() : installEnvoyVersion(options.version)));
  const folder = await createTempFolder("envoy");
  const config = join(folder.path, "envoy.yaml");
  const adminFile = join(folder.path, "admin");
  await writeFile(config, options.config, { mode: 0o600 });
  const log = options.log ?? "info";
  const args = [
    ...["--config-path", config, "--admin-address-path", adminFile, "--disable-hot-restart"],
    ...(parse(options.config)?.admin === undefined ? ["--config-yaml", ADMIN] : []),
    ...["--concurrency", String(options.concurrency ?? 2)],
    ...(log.includes(":") ? ["--component-log-level", log] : ["--log-level", log]),
    ...(options.args ?? []),
  ];
  const envoy = await startProcess(binary, args, { name: "envoy" });
  const stop = async () => {
    await envoy.stop();
    await folder.remove();
  };
  const get = async (admin: string, path: string) => {
    const response = await fetch(`${admin}${path}`, { signal: AbortSignal.timeout(10_000) });
    if (response.status !== 200) throw new Error(`Envoy's ${path} answered ${response.status}`);
    return response.text();
  };
  try {
    const admin = await envoy.waitFor("an answer from its admin interface", async () => {
      const address = (await readFile(adminFile, "utf8")).trim();
      if (address === "") return undefined;
      await get(`http://${address}`, "/server_info");
      return `http://${address}`;
    });
    const ready = async () => {
      await envoy.waitFor("its workers to listen", async () =>
        (await get(admin, "/stats?filter=workers_started")).includes("workers_started: 1"),
      );
    };
    return {
      pid: envoy.pid,
      admin,
      port: async (listener = "inbound") => portOf(await get(admin, "/listeners?format=json"), listener),
      ready,
      exited: envoy.exited,
      waitFor: envoy.waitFor,
      logs: envoy.logs,
      get: (path) => get(admin, path),
      stop,
      kill: envoy.kill,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface Listeners {
  readonly listener_statuses?: readonly {
    readonly name: string;
    readonly local_address: { readonly socket_address: { readonly port_value: number } };
  }[];
}

/** https://www.envoyproxy.io/docs/envoy/latest/operations/admin#get--listeners?format=json */
function portOf(listeners: string, name: string): number {
  const { listener_statuses = [] }: Listeners = JSON.parse(listeners);
  const found = listener_statuses.find((status) => status.name === name);
  if (found === undefined) throw new Error(`Envoy has no listener "${name}": ${listeners}`);
  return found.local_address.socket_address.port_value;
}
