import type { SecureContextOptions, TlsOptions } from "node:tls";
import { getHeapStatistics } from "node:v8";
import type { Clock } from "../model/clock.ts";
import type { Fleet } from "../model/delivery.ts";
import type { Log } from "../model/log.ts";
import { type Metrics, silentMetrics } from "../model/metrics.ts";
import type { ModuleBytes } from "../model/module.ts";
import { createFleet } from "./fleet/fleet.ts";
import { isKept } from "./fleet/stats.ts";
import type { GuardedMethod } from "./grpc/call.ts";
import { createGrpcServer } from "./grpc/server.ts";
import type { Authenticator } from "./identity/authenticator.ts";
import { createGuard, createOpenGuard } from "./identity/guard.ts";
import { createCache } from "./protocol/cache.ts";
import { createRefusals } from "./refusals.ts";
import { csdsMethods } from "./services/csds.ts";
import { discoveryMethods, healthMethods } from "./services/methods.ts";
import { metricsMethod } from "./services/metrics.ts";
import { createDiscovery } from "./stream/discovery.ts";

export interface XdsServerOptions {
  /** `host:port`; port 0 takes a free one. */
  readonly address: string;
  readonly log: Log;
  readonly clock: Clock;
  readonly metrics?: Metrics;
  /** The modules of the chains that the fleet is assigned. */
  readonly modules: ModuleBytes;
  /** TLS; absent: plaintext. */
  readonly tls?: TlsOptions | undefined;
  /** Who clients must prove to be. Absent: nobody is asked, and what a client says of itself counts. */
  readonly authenticator?: Authenticator | undefined;
  /** Largest request, in bytes. Default 4 MiB. */
  readonly maxRequestSize?: number;
  /** Names that one stream may subscribe to. Default 5,000. */
  readonly maxNames?: number;
  /** Milliseconds after which a connection is asked to come back, maybe to another replica. Default 0: never. */
  readonly maxConnectionAgeMs?: number;
  /** Connections in all, and from one address. Default: no bound. */
  readonly maxConnections?: number;
  readonly maxConnectionsPerAddress?: number;
}

export interface XdsServer {
  readonly fleet: Fleet;
  listen(): Promise<{ readonly host: string; readonly port: number }>;
  /** Certificate, key and client CA of TLS handshakes from now on; open connections stay, but for those whose client CA is gone. Throws when they are unusable, or there is no TLS. */
  setSecureContext(context: SecureContextOptions): void;
  /** False before `listen`, and from `drain` on. */
  takesProxies(): boolean;
  /** Takes no more proxies, and asks those that are connected to go elsewhere, spread over so many milliseconds. Resolves when all are gone, or had time to be. */
  drain(ms: number): Promise<void>;
  /** Ends every stream and frees the port. */
  close(): Promise<void>;
}

/** What a few streams may have in all, so that nobody fills memory with streams of the largest size. It bounds no fleet: connections with a few hundred go on beyond it. */
const NAMES_IN_ALL = 50_000;
/** A name and its resource take 2 to 3 KB. All may take a third of the heap: 1,000 proxies with 200 names each have 400,000 of both, 600 MB. */
const REMEMBERED_BYTES = 1_500;
const NAMES_AT_MOST = Math.max(NAMES_IN_ALL, Math.floor(getHeapStatistics().heap_size_limit / 3 / REMEMBERED_BYTES));

/** The xDS server of Weir: the fleet on one side, discovery streams on the other. */
export function createXdsServer(options: XdsServerOptions): XdsServer {
  const { log, clock, metrics = silentMetrics } = options;
  const cache = createCache();
  const { fleet, observer, known, rejectionOf, reportStats } = createFleet({ cache, clock, log });
  const discovery = createDiscovery({
    cache,
    modules: options.modules,
    observer,
    limits: { names: options.maxNames ?? 5_000, types: 32, namesInAll: NAMES_IN_ALL, namesAtMost: NAMES_AT_MOST },
    metrics,
  });
  const guard = options.authenticator === undefined ? createOpenGuard() : createGuard(options.authenticator, clock);
  const server = createGrpcServer({
    methods: new Map<string, GuardedMethod>([
      ...discoveryMethods(discovery, guard),
      ...csdsMethods({ discovery, cache, rejectionOf }, guard),
      ...healthMethods(),
      metricsMethod({ wants: isKept, take: reportStats }, guard),
    ]),
    tls: options.tls,
    maxRequestSize: options.maxRequestSize ?? 4 * 1024 * 1024,
    maxConnectionAgeMs: options.maxConnectionAgeMs ?? 0,
    ...boundsOf(options),
    refused: createRefusals(log, clock, metrics),
  });
  metrics.gauge("streams", () => discovery.size());
  metrics.gauge("proxies", known);
  let takesProxies = false;
  return {
    fleet,
    async listen() {
      const bound = await server.listen(options.address);
      takesProxies = true;
      log.info("xds server listens", { address: `${bound.host}:${bound.port}` });
      return bound;
    },
    setSecureContext: (context) => server.setSecureContext(context),
    takesProxies: () => takesProxies,
    drain(ms) {
      takesProxies = false;
      return server.drain(ms);
    },
    async close() {
      guard.close();
      discovery.close();
      await server.close();
    },
  };
}

function boundsOf({ maxConnections = Number.POSITIVE_INFINITY, maxConnectionsPerAddress = maxConnections }: XdsServerOptions) {
  return { maxConnections, maxConnectionsPerAddress };
}
