import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setFlagsFromString } from "node:v8";
import { messageOf } from "../../base/error.ts";
import { makeFolder } from "../../base/make-folder.ts";
import { systemClock } from "../../model/clock.ts";
import type { CrashJournal } from "../../model/crash-journal.ts";
import type { ClusterAccess } from "../../model/kube.ts";
import type { Leadership } from "../../model/leadership.ts";
import type { Log } from "../../model/log.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import type { Source } from "../../operator/index.ts";
import { type Address, parseAddress, XDS_ADDRESS } from "../args/address.ts";
import { parseByteSize } from "../args/byte-size.ts";
import { defineCommand } from "../args/command.ts";
import { readCount } from "../args/count.ts";
import { readDuration } from "../args/duration.ts";
import type { Flag, FlagValues } from "../args/syntax.ts";
import { usage } from "../args/usage.ts";
import { fleetFlags } from "../fleet/flags.ts";
import { chooseFleet } from "../fleet/open.ts";
import { maxModuleLoadFlag } from "../modules.ts";
import { type Access, accessFlags, readAccess } from "../serve/access-flags.ts";
import { catalogFlags } from "../serve/catalog-flags.ts";
import { descriptorLimit, type SocketShares, shareDescriptors } from "../serve/descriptors.ts";
import { keyFlags } from "../serve/key-flags.ts";
import { logFlags, openLog } from "../serve/log-flags.ts";
import { otherFlags, readOthers } from "../serve/other-flags.ts";
import type { ActingPlace } from "../serve/people.ts";
import { serveRegistryFlags } from "../serve/registry-flags.ts";
import { readReplica, replicaFlags } from "../serve/replica-flags.ts";
import type { ServeOptions } from "../serve/serve.ts";
import { dataFlag, readStore, storeFlags } from "../serve/store-flags.ts";
import { readWebhook, webhookFlags } from "../serve/webhook-flags.ts";
import type { Terminal } from "../terminal.ts";
import { readTrustRootFile, trustRootFlag } from "../trust-root.ts";

/**
 * V8 lets garbage grow to several times what is in use before it collects all of it. A server that is attacked makes a lot of garbage: it is collected when a third
 * of what is in use has come, which costs some CPU and keeps memory near what is needed.
 */
const HEAP = "--heap-growing-percent=30";

const flags = {
  filters: { ...fleetFlags.filters, help: "take filters from this folder of manifests; no cluster is needed (or $WEIR_FILTERS)" },
  kubeconfig: { ...fleetFlags.kubeconfig, help: "take filters from this cluster (default: the pod's own, $KUBECONFIG, ~/.kube/config)" },
  context: fleetFlags.context,
  "xds-address": {
    type: "string",
    value: "HOST:PORT",
    help: "where proxies connect",
    fallback: XDS_ADDRESS,
    env: "WEIR_XDS_ADDRESS",
  },
  "http-address": {
    type: "string",
    value: "HOST:PORT",
    help: "where people and programs read: /api/v1, /openapi.json, /metrics, /healthz, /readyz",
    fallback: "127.0.0.1:18001",
    env: "WEIR_HTTP_ADDRESS",
  },
  ...accessFlags,
  ...keyFlags,
  ...replicaFlags,
  ...webhookFlags,
  "max-connection-age": {
    type: "string",
    value: "DURATION",
    help: "ask a proxy to reconnect after this time, ten percent more or less (0s: never)",
    fallback: "0s",
    env: "WEIR_MAX_CONNECTION_AGE",
  },
  "drain-time": {
    type: "string",
    value: "DURATION",
    help: "on SIGTERM, be not ready and ask proxies to connect elsewhere, spread over this time, before ending (0s: end at once)",
    fallback: "0s",
    env: "WEIR_DRAIN_TIME",
  },
  "max-connections": {
    type: "string",
    value: "COUNT",
    help: "how many connections proxies may have in all (default: what the limit on open files leaves, at most 16384)",
    env: "WEIR_MAX_CONNECTIONS",
  },
  "max-connections-per-address": {
    type: "string",
    value: "COUNT",
    help: "how many of them from one address (default: three quarters)",
    env: "WEIR_MAX_CONNECTIONS_PER_ADDRESS",
  },
  data: { ...dataFlag, help: "folder for modules, the private key and, without a cluster, history" },
  "module-cache-size": {
    type: "string",
    value: "SIZE",
    help: "memory for modules that were sent lately, in bytes or as 128Mi; others are read from --data when they are sent",
    fallback: "128Mi",
    env: "WEIR_MODULE_CACHE_SIZE",
  },
  ...storeFlags,
  "max-module-load": maxModuleLoadFlag,
  "own-namespace": {
    type: "string",
    value: "NAMESPACE",
    help: "filters of this namespace reach the proxies of every namespace",
    env: "WEIR_NAMESPACE",
  },
  ...serveRegistryFlags,
  ...catalogFlags,
  ...otherFlags,
  "trust-root": trustRootFlag,
  "prover-socket": {
    type: "string",
    value: "PATH",
    completes: "file",
    help: "prove modules in the weir prover that listens there (default: in processes of this server)",
    env: "WEIR_PROVER_SOCKET",
  },
  ...logFlags,
} as const satisfies Record<string, Flag>;

export const serve = defineCommand({
  name: "serve",
  summary: "Run Weir: watch filters, prove modules, serve them to proxies",
  about: `Watches WasmFilters in a cluster or in a folder, resolves each image to a digest, proves that its module loads, and serves it over xDS to every matching
    proxy. Logs go to stderr. SIGTERM or SIGINT stops it cleanly; proxies keep what they have while it is down.`,
  args: {},
  flags,
  examples: [
    { does: "with a folder of manifests", command: "weir serve --filters ./filters" },
    {
      does: "over TLS, for proxies that have a certificate",
      command: "weir serve --filters ./filters --xds-tls-cert tls.crt --xds-tls-key tls.key --xds-client-ca ca.crt",
    },
    { does: "for a cluster, from outside it", command: "weir serve --kubeconfig ~/.kube/config" },
  ],
  async run(input, terminal) {
    setFlagsFromString(HEAP);
    const log = await openLog(input.flags, terminal);
    const xds = parseAddress(input.flags["xds-address"], "--xds-address");
    if (!xds.ok) return xds;
    const http = parseAddress(input.flags["http-address"], "--http-address");
    if (!http.ok) return http;
    const moduleCache = parseByteSize(input.flags["module-cache-size"], "--module-cache-size");
    if (!moduleCache.ok) return moduleCache;
    const store = readStore(input.flags);
    if (!store.ok) return store;
    const times = readTimes(input.flags);
    if (!times.ok) return times;
    const trustRoot = await readTrustRootFile(input.flags["trust-root"]);
    if (!trustRoot.ok) return trustRoot;
    const sockets = socketShares(input.flags);
    if (!sockets.ok) return sockets;
    const access = openAccess(input.flags, xds.value, http.value, log);
    if (!access.ok) return access;
    const data = await makeData(resolve(input.flags.data));
    if (!data.ok) return data;
    const chosen = await openSource(input.flags, terminal, data.value, log);
    if (!chosen.ok) return chosen;
    const { sourceOf, layoutBase, cluster, acting } = chosen.value;
    const webhook = readWebhook(input.flags, { tls: access.value.tls, xds: xds.value, hasCluster: cluster !== undefined });
    if (!webhook.ok) return webhook;
    const { runServer, openKeyStore, openRegistries } = await loadParts();
    const ownNamespace = input.flags["own-namespace"];
    const tokens = checkTokens(access.value, cluster);
    if (!tokens.ok) return tokens;
    const others = readOthers(input.flags);
    if (!others.ok) return others;
    const registries = await openRegistries(input.flags, { cluster, ownNamespace, env: terminal.env, clock: systemClock, log });
    if (!registries.ok) return registries;
    const keyStore = openKeyStore(input.flags["key-store"], { dataDir: data.value, cluster, namespace: ownNamespace, log });
    if (!keyStore.ok) return keyStore;
    const replica = await readReplica(input.flags, { cluster, ownNamespace, keyStore: input.flags["key-store"], log });
    if (!replica.ok) return replica;
    return runServer({
      sourceOf,
      replica: replica.value,
      xds: xds.value,
      http: http.value,
      dataDir: data.value,
      keyStore: keyStore.value,
      podCertificates: input.flags["pod-certificates"],
      cluster,
      acting,
      ownNamespace,
      layoutBase,
      ...registries.value,
      log,
      moduleCacheBytes: moduleCache.value,
      store: store.value,
      others: others.value,
      trustRoot: trustRoot.value,
      proverSocket: input.flags["prover-socket"],
      webhook: webhook.value,
      sockets: sockets.value,
      ...access.value,
      ...times.value,
    });
  },
});

function openAccess(values: FlagValues<typeof flags>, xds: Address, http: Address, log: Log): Result<Access> {
  const access = readAccess(values, xds, http);
  if (access.ok) for (const warning of access.value.warnings) log.warn(warning);
  return access;
}

type Times = Pick<ServeOptions, "maxConnectionAgeMs" | "drainMs" | "maxModuleLoadMs">;

function readTimes(values: FlagValues<typeof flags>): Result<Times> {
  const maxConnectionAge = readDuration(values["max-connection-age"], "--max-connection-age", "480h");
  if (!maxConnectionAge.ok) return maxConnectionAge;
  const drain = readDuration(values["drain-time"], "--drain-time", "1h");
  if (!drain.ok) return drain;
  const maxLoad = readDuration(values["max-module-load"], "--max-module-load", "10m");
  return maxLoad.ok ? ok({ maxConnectionAgeMs: maxConnectionAge.value, drainMs: drain.value, maxModuleLoadMs: maxLoad.value }) : maxLoad;
}

/** Loaded when the command line is read. */
async function loadParts() {
  const parts = [import("../serve/run.ts"), import("../serve/key-store.ts"), import("../serve/registries.ts")] as const;
  const [run, keyStore, registries] = await Promise.all(parts);
  return { ...run, ...keyStore, ...registries };
}

function checkTokens({ tokenAudience }: Pick<Access, "tokenAudience">, cluster: ClusterAccess | undefined): Result<void> {
  const problem =
    "--token-review asks the API server of a cluster, and filters come from a folder here; use --token-auth-file, or leave it out";
  return tokenAudience !== undefined && cluster === undefined ? usage(problem) : ok(undefined);
}

function socketShares(values: FlagValues<typeof flags>): Result<SocketShares> {
  const xds = readCount(values["max-connections"], "--max-connections");
  if (!xds.ok) return xds;
  const perAddress = readCount(values["max-connections-per-address"], "--max-connections-per-address");
  if (!perAddress.ok) return perAddress;
  return ok(shareDescriptors(descriptorLimit(), { xds: xds.value, perAddress: perAddress.value }));
}

async function makeData(dir: string): Promise<Result<string>> {
  try {
    await makeFolder(dir, 0o700);
    return ok(dir);
  } catch (error) {
    return fail("DataFolder", `--data ${dir} cannot be created: ${messageOf(error)}`);
  }
}

interface Chosen {
  readonly sourceOf: (crashes: CrashJournal, leadership: Leadership | undefined) => Source;
  readonly layoutBase: string | undefined;
  readonly cluster: ClusterAccess | undefined;
  readonly acting: ActingPlace;
}

async function openSource(values: FlagValues<typeof flags>, terminal: Terminal, dataDir: string, log: Log): Promise<Result<Chosen>> {
  const choice = chooseFleet(values, terminal.env);
  if (!choice.ok) return choice;
  // Loaded here: no other command should wait for the server's parts.
  const { createFolderSource, createKubeApi, createKubernetesSource, startReflector } = await import("../../operator/index.ts");
  if (choice.value.kind === "folder") {
    const dir = resolve(choice.value.dir);
    const isFolder = await stat(dir).then(
      (found) => found.isDirectory(),
      () => false,
    );
    if (!isFolder) return fail("NoFolder", `--filters ${dir} is not a folder; create it, or name the one that holds the manifests`);
    const options = { dir, dataDir: join(dataDir, "folder"), log, clock: systemClock };
    return ok({
      sourceOf: (crashes) => createFolderSource({ ...options, crashes }),
      layoutBase: process.cwd(),
      cluster: undefined,
      acting: { dir },
    });
  }
  const { kubeconfigAs, loadKubeconfig } = await import("../fleet/kubeconfig.ts");
  const config = loadKubeconfig({ kubeconfig: values.kubeconfig, context: values.context, env: terminal.env });
  if (!config.ok) return config;
  const kubeConfig = config.value;
  const as = (token: string) => createKubeApi({ kubeConfig: kubeconfigAs(kubeConfig, token) });
  const cluster = { api: createKubeApi({ kubeConfig }), follow: startReflector };
  const sourceOf: Chosen["sourceOf"] = (_crashes, leadership) =>
    createKubernetesSource({ kubeConfig, log, clock: systemClock, leadership });
  return ok({ sourceOf, layoutBase: undefined, cluster, acting: { as } });
}
