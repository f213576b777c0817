import type { TestContext } from "node:test";
import type { EnvoyVersion } from "../../scripts/tools/envoy.ts";
import { type BootstrapOptions, bootstrapDefaults, renderBootstrap } from "../../xds/index.ts";
import { type Control, startControl } from "./control.ts";
import { type EchoApp, startEchoApp } from "./echo-app.ts";
import { type Envoy, startEnvoy } from "./envoy.ts";
import { reservePort } from "./ports.ts";
import { type Answer, get } from "./traffic.ts";

/** A server, an app, and a proxy between them that was started with what `weir bootstrap` prints. */
export interface Scene {
  readonly control: Control;
  readonly app: EchoApp;
  readonly envoy: Envoy;
  /** Where the proxy listens. */
  readonly port: number;
  get(headers?: Readonly<Record<string, string>>): Promise<Answer>;
  /** The value of one of Envoy's counters and gauges; `undefined` when it has none of this name. */
  stat(name: string): Promise<number | undefined>;
}

export interface SceneOptions {
  readonly bootstrap?: Partial<BootstrapOptions>;
  /** Changes the bootstrap, as its owner would by hand. */
  readonly edit?: (bootstrap: string) => string;
  /** This very version of Envoy, not the one that tests run on. */
  readonly version?: EnvoyVersion;
  /** Worker threads; 2 by default. With one, a client sees changes in the order in which they were made. */
  readonly concurrency?: number;
}

/** Everything is stopped when the test ends, the proxy first. */
export async function startScene(t: TestContext, { bootstrap = {}, edit = (text) => text, ...rest }: SceneOptions = {}): Promise<Scene> {
  const control = await startControl();
  const app = await startEchoApp();
  t.after(async () => {
    await control.stop();
    await app.stop();
  });
  const { envoy, port } = await startProxy(t, {
    bootstrap: { xds: { host: "127.0.0.1", port: control.port }, ...bootstrap },
    edit,
    app,
    ...rest,
  });
  return { control, app, envoy, port, get: (headers) => get(port, headers), stat: (name) => stat(envoy, name) };
}

/** One more proxy, for an app. `bootstrap.xds` says where its server is. */
export async function startProxy(
  t: TestContext,
  options: SceneOptions & { readonly app: EchoApp },
): Promise<{ envoy: Envoy; port: number }> {
  // A managed sidecar gets its listener from the server, which takes the port from the bootstrap: 0 is not allowed there.
  const reserved = options.bootstrap?.managed ? await reservePort() : 0;
  const text = renderBootstrap({
    ...bootstrapDefaults,
    node: "web-1",
    namespace: "shop",
    labels: { app: "web" },
    listen: { host: "127.0.0.1", port: reserved },
    upstream: { host: "127.0.0.1", port: options.app.port },
    ...options.bootstrap,
  });
  const { version, concurrency = 2 } = options;
  const config = options.edit?.(text) ?? text;
  const envoy = await startEnvoy({ config, log: "warning", concurrency, ...(version === undefined ? {} : { version }) });
  t.after(() => envoy.stop());
  return { envoy, port: reserved === 0 ? await envoy.port() : reserved };
}

export async function stat(envoy: Envoy, name: string): Promise<number | undefined> {
  const lines = (await envoy.get("/stats")).split("\n");
  const line = lines.find((candidate) => candidate.startsWith(`${name}: `));
  return line === undefined ? undefined : Number(line.slice(name.length + 2));
}
