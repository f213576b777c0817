import { type FoundEnvoy, type RunningEnvoy, type StartOptions, startEnvoy } from "../../author/index.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import type { Address } from "../args/address.ts";
import { renderExchange } from "../render/exchange.ts";
import { type LocalSlot, localBootstrap } from "./envoy-config.ts";
import { LOG_FORMAT, readEnvoyLine } from "./envoy-log.ts";
import { changesOf } from "./record/changes.ts";
import { readExchange } from "./record/exchange.ts";
import type { Scope } from "./scope.ts";
import type { Voice } from "./voice.ts";

export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "critical"] as const;

export interface ProxyOptions {
  readonly envoy: FoundEnvoy;
  readonly namespace: string;
  readonly slots: readonly LocalSlot[];
  readonly xds: Address;
  readonly listen: Address;
  readonly upstream: Address;
  /** The least level of what filters log that is told. */
  readonly logLevel: (typeof LOG_LEVELS)[number];
  readonly voice: Voice;
}

/** A local Envoy before an app, which takes its filters from the local server. */
export interface LocalProxy {
  readonly running: RunningEnvoy;
  /** Where it takes requests. Known when its first filters are there. */
  port(): Promise<Result<number>>;
}

/** The name of the local proxy, as statuses and listings have it. */
export const NODE = "local";

/** How long the first filters may take to be fetched, proved and loaded. */
const READY_MS = 10 * 60_000;

const LUA_MISSING = /envoy\.filters\.http\.lua/;

/** Starts Envoy. What passes, what filters log and what Envoy says of them is told as it happens. */
export async function startLocalProxy(scope: Scope, options: ProxyOptions): Promise<Result<LocalProxy>> {
  const recorded = await start(scope, options, true);
  if (recorded.ok || !LUA_MISSING.test(recorded.error.message)) return recorded;
  options.voice.warn("this Envoy was built without Lua, so what each filter changes is not shown");
  return start(scope, options, false);
}

async function start(scope: Scope, options: ProxyOptions, records: boolean): Promise<Result<LocalProxy>> {
  const { envoy, logLevel, namespace, slots, xds, listen, upstream } = options;
  const started = await startEnvoy({
    envoy,
    bootstrap: localBootstrap({ node: NODE, namespace, xds, listen, upstream, slots, version: envoy.version, records }),
    logLevel: "warning",
    componentLogLevel: `wasm:${logLevel === "warn" ? "warning" : logLevel}`,
    logFormat: LOG_FORMAT,
    onLine: createTeller(options, records ? slots.length + 1 : 0),
    signal: scope.signal,
  });
  if (!started.ok) return addressed(started, listen);
  const running = started.value;
  scope.defer(() => running.stop());
  return ok({
    running,
    async port() {
      const ready = await running.ready(READY_MS);
      if (!ready.ok) return addressed(ready, listen);
      const port = ready.value.get("inbound");
      return port === undefined ? fail("NoListener", `Envoy does not listen on port ${listen.port}; look at what it says`) : ok(port);
    },
  });
}

/** A port that is taken is the most likely reason, and Envoy's words for it name no flag. */
function addressed<T>(failed: Extract<Result<T>, { ok: false }>, { host, port }: Address) {
  if (!/Address already in use/.test(failed.error.message)) return failed;
  return fail(
    "AddressUnavailable",
    `--listen ${port}: ${host}:${port} is in use by another program; stop that, or take another port (0: a free one)`,
  );
}

function createTeller({ slots, voice }: ProxyOptions, recorders: number): NonNullable<StartOptions["onLine"]> {
  const names = slots.map(({ filter }) => filter.name);
  return (line, stream) => {
    if (stream === "stdout") {
      const exchange = readExchange(line, recorders);
      if (exchange !== undefined) voice.passing(() => renderExchange(exchange, names, changesOf(exchange), voice.paint));
      return;
    }
    const { level, component, filter, text } = readEnvoyLine(line);
    if (filter !== undefined) return voice.logged(filter.slice(filter.indexOf("/") + 1), level, text);
    if (component === "wasm" && /warning|error|critical/.test(level)) voice.passing(() => voice.paint.bad(`Envoy: ${text}`));
  };
}

/** Where requests go: a command line to copy. */
export function tellProxy(voice: Voice, { version, pid, admin }: RunningEnvoy, app: Address, port: number): void {
  voice.say(`Envoy ${version} (process ${pid}) before ${app.host}:${app.port}, admin interface ${admin}`);
  voice.plain(`\n  curl -i http://127.0.0.1:${port}/\n`);
}

/** For an Envoy that was not stopped. */
export function howItEnded(running: RunningEnvoy, how: string | number | null): string {
  const last = running.log().at(-1);
  return `Envoy ended by itself (${how})${last === undefined ? "" : `; its last words: ${readEnvoyLine(last).text}`}`;
}
