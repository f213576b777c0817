import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { hash } from "bcryptjs";
import { installGoTool } from "../../scripts/tools/go.ts";
import { startOnReservedPort } from "./ports.ts";
import { startProcess } from "./process.ts";
import { createTempFolder } from "./temp-folder.ts";
import type { TokenServer } from "./token-server.ts";

/** A running OCI registry (CNCF distribution) on loopback, over plain HTTP. */
export interface Registry {
  /** `127.0.0.1:PORT`, as it stands in a reference. */
  readonly host: string;
  readonly port: number;
  logs(): string;
  /** Ends it; what was pushed is gone unless `storage` was given. */
  stop(): Promise<void>;
}

export interface RegistryOptions {
  /** Demands these credentials, as HTTP Basic, for every request. */
  readonly auth?: { readonly username: string; readonly password: string };
  /** Demands tokens that this server issues, instead. */
  readonly tokens?: TokenServer;
  /** The part `notifications` of its configuration. */
  readonly notifications?: unknown;
  /** Keeps copies of what this registry has: `http://127.0.0.1:PORT`. https://distribution.github.io/distribution/recipes/mirror/ */
  readonly cacheOf?: string;
  /** Serves HTTPS with these, as PEM. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Set it to start a registry again at the same port; a reserved port by default. */
  readonly port?: number;
  /** Folder of the blobs; a temporary one by default. */
  readonly storage?: string;
}

export function startRegistry(options: RegistryOptions = {}): Promise<Registry> {
  return options.port === undefined ? startOnReservedPort((port) => start(port, options)) : start(options.port, options);
}

async function start(port: number, options: RegistryOptions): Promise<Registry> {
  const binary = await installGoTool("registry");
  const folder = await createTempFolder("registry");
  const storage = options.storage ?? join(folder.path, "storage");
  await mkdir(storage, { recursive: true });
  const passwords = join(folder.path, "htpasswd");
  if (options.auth !== undefined) {
    const cheap = 4; // bcrypt rounds: a test password needs no strength
    await writeFile(passwords, `${options.auth.username}:${await hash(options.auth.password, cheap)}\n`, { mode: 0o600 });
  }
  const [certificate, key] = [join(folder.path, "cert.pem"), join(folder.path, "key.pem")];
  if (options.tls !== undefined) {
    await writeFile(certificate, options.tls.cert);
    await writeFile(key, options.tls.key, { mode: 0o600 });
  }
  const config = {
    version: 0.1,
    log: { level: "info", accesslog: { disabled: false } },
    storage: { filesystem: { rootdirectory: storage }, delete: { enabled: true } },
    http: { addr: `127.0.0.1:${port}`, secret: "loopback only", ...(options.tls !== undefined && { tls: { certificate, key } }) },
    ...(options.cacheOf !== undefined && { proxy: { remoteurl: options.cacheOf } }),
    ...(options.auth === undefined ? {} : { auth: { htpasswd: { realm: "weir-test", path: passwords } } }),
    ...(options.tokens === undefined ? {} : { auth: { token: options.tokens.configuration } }),
    ...(options.notifications === undefined ? {} : { notifications: options.notifications }),
  };
  const configFile = join(folder.path, "config.yml");
  await writeFile(configFile, JSON.stringify(config));
  const registry = await startProcess(binary, ["serve", configFile], { name: "registry", env: { OTEL_TRACES_EXPORTER: "none" } });
  const stop = async () => {
    await registry.stop();
    await folder.remove();
  };
  try {
    const host = `127.0.0.1:${port}`;
    await registry.waitFor("an answer on /v2/", async () =>
      [200, 401, ...(options.tls === undefined ? [] : [400])].includes((await fetch(`http://${host}/v2/`)).status),
    );
    return { host, port, logs: registry.logs, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
