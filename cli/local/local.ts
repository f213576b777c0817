import type { FoundEnvoy } from "../../author/index.ts";
import type { Log } from "../../model/log.ts";
import { ok, type Result } from "../../model/result.ts";
import type { Preflight } from "../../model/verdict.ts";
import type { Source } from "../../operator/index.ts";
import type { Address } from "../args/address.ts";
import { openFetch } from "../modules.ts";
import { createPaint } from "../render/paint.ts";
import { openLog } from "../serve/log-flags.ts";
import type { Server } from "../serve/serve.ts";
import type { Terminal } from "../terminal.ts";
import { startEchoApp } from "./echo-app.ts";
import type { LocalSlot } from "./envoy-config.ts";
import { type LOG_LEVELS, type LocalProxy, startLocalProxy } from "./proxy.ts";
import type { Scope } from "./scope.ts";
import { startLocalServer } from "./server.ts";
import { createVoice, type Voice } from "./voice.ts";

/** What the flags of `weir run` and `weir dev` say of the proxy and of the server behind it. */
export interface LocalOptions {
  /** `undefined`: an app that answers with the request. */
  readonly upstream: Address | undefined;
  readonly listen: Address;
  readonly "log-level": (typeof LOG_LEVELS)[number];
  readonly "allow-address": readonly string[];
  readonly "registry-ca": readonly string[];
  readonly plainHttp: readonly string[];
  readonly maxModuleLoadMs: number;
}

/** What of it differs by what is run. */
export interface LocalPlan {
  readonly envoy: FoundEnvoy;
  readonly namespace: string;
  readonly slots: readonly LocalSlot[];
  readonly source: (log: Log) => Source;
  /** Only this user reads it; it goes with the scope. */
  readonly folder: string;
  /** Where relative `oci-layout:` references start from. */
  readonly layoutBase: string;
  readonly preflight?: Preflight;
}

/** A server on this machine, and the proxy before an app that it is for. */
export interface Local {
  readonly voice: Voice;
  readonly server: Server;
  readonly app: Address;
  /** Starts the proxy, at another port where one is given. */
  startProxy(port?: number): Promise<Result<LocalProxy>>;
}

/** Starts an app if none is named, then the server. The listener of a proxy opens when its first filters are decided. */
export async function startLocal(scope: Scope, options: LocalOptions, plan: LocalPlan, terminal: Terminal): Promise<Result<Local>> {
  const voice = createVoice(terminal, createPaint(terminal.color));
  // What the server warns of are events of filters, which are told in their own way.
  const log = await openLog({ "log-level": "error", "log-format": "text" }, terminal);
  const fetch = await openFetch(options, { loopback: true, env: terminal.env });
  if (!fetch.ok) return fetch;
  const app = options.upstream ?? (await startEchoApp(scope));
  const { plainHttp, maxModuleLoadMs } = options;
  const { folder: dataDir, layoutBase, namespace, slots, envoy } = plan;
  const server = await startLocalServer(scope, {
    ...{ source: plan.source(log), dataDir, layoutBase, plainHttp, fetch: fetch.value, maxModuleLoadMs, log },
    ...(plan.preflight === undefined ? {} : { preflight: plan.preflight }),
  });
  if (!server.ok) return server;
  const { xds } = server.value;
  const startProxy = (port = options.listen.port) =>
    startLocalProxy(scope, {
      ...{ envoy, namespace, slots, xds, upstream: app, voice },
      listen: { ...options.listen, port },
      logLevel: options["log-level"],
    });
  return ok({ voice, server: server.value, app, startProxy });
}
