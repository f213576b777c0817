import type { PathPolicy } from "../../model/path-policy.ts";
import type { ProxyCredentials } from "./bootstrap-identity.ts";
import {
  type Address,
  adminInterface,
  dynamicResources,
  endpoint,
  httpManager,
  node,
  type SlotOptions,
  STATS_INTERVAL,
  socketAddress,
  statsSink,
  watchdogs,
  xdsCluster,
} from "./bootstrap-parts.ts";
import { MANAGED_KEY, type ManagedSidecar } from "./managed-sidecar.ts";
import { STATS_INTERVAL_KEY } from "./stats-interval.ts";
import { q } from "./yaml-scalar.ts";

export interface BootstrapOptions extends SlotOptions {
  /** node.id: the proxy's name in every status and listing; absent: Envoy is told by `--service-node`, as in a pod. */
  readonly node: string | undefined;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Where `weir serve` answers xDS. */
  readonly xds: Address;
  /** Where the proxy takes requests. */
  readonly listen: Address;
  /** Where it sends them. */
  readonly upstream: Address;
  /** In the order a request meets them. */
  readonly slots: readonly string[];
  /** True: ADS only, the listener, route and cluster come from Weir too. */
  readonly managed: boolean;
  /** Of its own listener; a managed sidecar gets normal paths while a filter matches by path. */
  readonly paths: PathPolicy;
  /** Envoy's admin interface; port 0 takes any free port (`envoy --admin-address-path FILE` tells which). */
  readonly admin: Address;
  /** True: stream Envoy's statistics to Weir, which judges rollouts by them. */
  readonly stats: boolean;
  /** Absent: plaintext, and no proof of who it is. */
  readonly credentials?: ProxyCredentials | undefined;
}

export const bootstrapDefaults = {
  namespace: "default",
  labels: {},
  xds: { host: "127.0.0.1", port: 18000 },
  listen: { host: "0.0.0.0", port: 10000 },
  upstream: { host: "127.0.0.1", port: 8080 },
  slots: ["default"],
  managed: false,
  paths: "normal",
  whenMissing: "closed",
  fetchTimeoutMs: 15_000,
  admin: { host: "127.0.0.1", port: 0 },
  stats: true,
} as const satisfies Omit<BootstrapOptions, "node" | "credentials">;

/**
 * The Envoy bootstrap (YAML) of a proxy that takes its filters from Weir. Everything a person would want to change is a plain
 * part of it: it is a start, not a format of ours. https://www.envoyproxy.io/docs/envoy/latest/configuration/overview/bootstrap
 */
export function renderBootstrap(options: BootstrapOptions): string {
  const parts = [
    header(options),
    node({ ...options, id: options.node }, metadata(options)),
    adminInterface(options.admin),
    watchdogs,
    dynamicResources(options),
    options.stats ? statsSink : "",
    "static_resources:\n",
    options.managed ? "" : listener(options),
    "  clusters:\n",
    xdsCluster(options.xds, options.credentials),
    options.managed ? "" : appCluster(options),
  ];
  return parts.join("");
}

function header({ node, managed }: BootstrapOptions): string {
  const [whom, start] = node === undefined ? ["an Envoy in a pod", "envoy -c FILE --service-node POD"] : [q(node), "envoy -c FILE"];
  return `# Envoy bootstrap for ${whom}, made by \`weir bootstrap\`${managed ? " --managed" : ""}. Start it with: ${start}
# (more than one Envoy on this machine: add --use-dynamic-base-id).
`;
}

function metadata(options: BootstrapOptions): string {
  const interval = `    ${STATS_INTERVAL_KEY}: ${q(STATS_INTERVAL)}   # the stats_flush_interval below: change both, or Weir says that this proxy hangs\n`;
  const managed = `    ${MANAGED_KEY}: ${JSON.stringify(sidecar(options))}\n`;
  return `${options.stats ? interval : ""}${options.managed ? managed : ""}`;
}

function sidecar({ listen, upstream, slots, whenMissing }: BootstrapOptions): ManagedSidecar {
  return { listenHost: listen.host, listenPort: listen.port, appHost: upstream.host, appPort: upstream.port, slots, whenMissing };
}

function listener(options: BootstrapOptions): string {
  return `  listeners:
  - name: inbound
    address: ${socketAddress(options.listen)}
    filter_chains:
    - filters:
${httpManager({ ...options, name: "inbound", cluster: "app" })}`;
}

function appCluster({ upstream }: BootstrapOptions): string {
  return `  - name: app
    ${endpoint("app", upstream)}
    connect_timeout: 5s
`;
}
