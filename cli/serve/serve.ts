import { messageOf } from "../../base/error.ts";
import { createKeyring, type Keyring } from "../../base/keyring.ts";
import type { Views } from "../../hub/index.ts";
import { systemClock } from "../../model/clock.ts";
import type { CrashJournal } from "../../model/crash-journal.ts";
import type { ClusterAccess } from "../../model/kube.ts";
import { alone } from "../../model/leadership.ts";
import type { Log } from "../../model/log.ts";
import type { Metrics } from "../../model/metrics.ts";
import type { ImpliedCredentials, StoreSource } from "../../model/module.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import type { Preflight } from "../../model/verdict.ts";
import { createModuleCache, createModuleRegistry, createVerifier, type Fetch, type Mirrors, parseDockerConfig } from "../../oci/index.ts";
import { createConfigJudge, createFilterAdmission, createOperator, createPlanner, type Source } from "../../operator/index.ts";
import { createPreflight, missingBounds, type PreflightOptions, remoteProvers } from "../../preflight/index.ts";
import { createXdsServer, type LiveTokens } from "../../xds/index.ts";
import type { Address } from "../args/address.ts";
import { applicantsOf } from "./applicants.ts";
import { prepareAuthorityDuties } from "./authority-duties.ts";
import { createCallers } from "./callers.ts";
import { type CatalogChoice, openCatalog } from "./catalog.ts";
import { registerCertificateMetrics } from "./certificate-metrics.ts";
import type { SocketShares } from "./descriptors.ts";
import { registerFilterMetrics } from "./filter-metrics.ts";
import { createHubs } from "./hubs.ts";
import type { KeyStore } from "./key-store.ts";
import { createPrometheus } from "./metrics.ts";
import type { OtherChoice } from "./other-flags.ts";
import { createOthers } from "./others.ts";
import { ownVersion } from "./own-version.ts";
import { type ActingPlace, peopleOf } from "./people.ts";
import { readersOf } from "./readers.ts";
import type { Replica } from "./replica-flags.ts";
import { type MakeReplicas, openReplicas } from "./replicas.ts";
import { registerServerMetrics } from "./server-metrics.ts";
import type { StoreChoice } from "./store-flags.ts";
import { type OwnTls, openAnyTls } from "./tls.ts";
import type { Tls, TlsFiles } from "./tls-files.ts";
import { openTokens } from "./token-file.ts";
import { createViews } from "./views.ts";
import { openWebhook } from "./webhook.ts";
import type { WebhookChoice } from "./webhook-flags.ts";

export interface ServeOptions {
  readonly source: Source;
  readonly xds: Address;
  readonly http: Address;
  readonly dataDir: string;
  /** Where the private key of this Weir and its authority are. */
  readonly keyStore: KeyStore;
  /** The cluster that it works for; `undefined`: none. */
  readonly cluster: ClusterAccess | undefined;
  /** Where people change filters by the pages. Absent: nowhere. */
  readonly acting?: ActingPlace;
  /** Whether pods get certificates of Weir's authority. */
  readonly podCertificates: "auto" | "on" | "off";
  /** Namespace whose filters reach the proxies of every namespace. */
  readonly ownNamespace: string | undefined;
  /** Registries spoken to without TLS, besides those on loopback. */
  readonly plainHttp: readonly string[];
  /** Where relative `oci-layout:` references start from; `undefined` refuses such references. */
  readonly layoutBase: string | undefined;
  /** What requests for modules go out by. */
  readonly fetch: Fetch;
  /** Absent: there are none. */
  readonly mirrors?: Mirrors | undefined;
  /** Credentials that no filter names; absent: there are none. */
  readonly implied?: ImpliedCredentials | undefined;
  /** What the pages' catalog shows of registries; absent: nothing. */
  readonly catalog?: CatalogChoice | undefined;
  /** Other Weirs that the pages show. Absent: none. */
  readonly others?: readonly OtherChoice[] | undefined;
  /** Bytes of modules to keep in memory beyond those that are being sent. */
  readonly moduleCacheBytes: number;
  readonly store: StoreChoice;
  /** Where health and metrics are answered too, and nothing else. */
  readonly health: Address | undefined;
  /** The file of tokens of proxies and readers. */
  readonly tokenFile: string | undefined;
  /** What tokens of ServiceAccounts must be made for; `undefined`: none is taken. */
  readonly tokenAudience: string | undefined;
  /** A proxy that proved its pod by a token must have an address of that pod. */
  readonly checksPodAddress: boolean;
  /** The trust domain of client certificates; `undefined`: any. */
  readonly trustDomain: string | undefined;
  /** TLS of the xDS port; `undefined`: plaintext. */
  readonly tls: TlsFiles | OwnTls | undefined;
  /** How many connections each server may have. */
  readonly sockets: SocketShares;
  /** Milliseconds after which a proxy is asked to connect anew; 0: never. */
  readonly maxConnectionAgeMs: number;
  /** Milliseconds over which proxies are asked to go elsewhere before the server ends; 0: it ends at once. */
  readonly drainMs: number;
  /** CPU milliseconds that a module may take to load on a proxy. */
  readonly maxModuleLoadMs: number;
  /** The sigstore trust root, as JSON, of demands that name none; `undefined`: there is none. */
  readonly trustRoot: string | undefined;
  /** Where `weir prover` listens; `undefined`: modules are proved in children of this process. */
  readonly proverSocket: string | undefined;
  /** What proves modules; absent: as the fields above say. */
  readonly preflight?: Preflight;
  /** What injects pods; `undefined`: nothing. */
  readonly webhook: WebhookChoice | undefined;
  /** What this server is among replicas. Absent: it is alone. */
  readonly replica?: Replica | undefined;
  readonly log: Log;
  readonly crashes: CrashJournal;
}

/** A proof need not wait for its process to start: 30 ms each time. Two of them wait, with 50 MiB each, most of it shared. */
const PROVERS_AHEAD = 2;

/** A running Weir. */
export interface Server {
  readonly xds: Address;
  readonly http: Address;
  /** What the read API shows, for who is in this process. */
  readonly views: Views;
  /** Says that it is not ready, lets another decide, and sends proxies elsewhere; what is connected is served meanwhile. Resolves when they are gone, or had their time. */
  drain(): Promise<void>;
  /** Ends streams and watches in order; resolves when everything is let go. */
  close(): Promise<void>;
}

/** Starts what `createRooms` made. The xDS port opens last, when the desired state is known: proxies that come back after a restart are answered at once and rightly. */
export async function startServer(options: ServeOptions): Promise<Result<Server>> {
  const { source, log } = options;
  const tls = await openAnyTls(options.tls, options.keyStore.authority);
  if (!tls.ok) return tls;
  const duties = await prepareAuthorityDuties({ ...options, authority: tls.value?.authority, rotates: options.keyStore.rotates });
  if (!duties.ok) return duties;
  const privateKey = await options.keyStore.privateKey();
  if (!privateKey.ok) return privateKey;
  const tokens = await openTokens(options.tokenFile);
  if (!tokens.ok) return tokens;
  const keys = createKeyring(privateKey.value);
  const makeReplicas = await openShared(options, tls.value);
  if (!makeReplicas.ok) return makeReplicas;
  const { xds, operator, hub, views, callers, metrics, replicas, admission } = createRooms(
    options,
    keys,
    tls.value,
    tokens.value?.tokens,
    makeReplicas.value,
  );
  const http = await hub.listen();
  if (!http.ok) return http;
  // The prover tells of its own.
  for (const missing of options.proverSocket === undefined ? missingBounds() : [])
    log.warn("a bound of proofs is not set", { message: missing });
  log.info("reading the desired state", { source: source.description });
  await operator.start();
  const bound = await bind(xds, options.xds);
  const webhook = bound.ok ? await openWebhook(options, { tls: tls.value, keys, metrics, admission }) : undefined;
  const problem = bound.ok ? ((await webhook?.listen()) ?? (await replicas?.start())) : bound.error;
  if (problem !== undefined) {
    if (bound.ok) await xds.close();
    await replicas?.stop();
    await callers.stop();
    await hub.close();
    await operator.stop();
    return { ok: false, error: problem };
  }
  if (!bound.ok) return bound;
  const unwatchTls = tls.value?.watch(everyServer(xds, webhook), log);
  options.replica?.lease.start();
  const watches = [tls.value?.authority?.start(), duties.value(), unwatchTls, tokens.value?.watch(log), webhook?.start()];
  log.info("serving", { xds: `${bound.value.host}:${bound.value.port}`, http: `http://${http.value.host}:${http.value.port}` });
  return ok({
    xds: bound.value,
    http: http.value,
    views,
    async drain() {
      if (options.drainMs > 0) await Promise.all([options.replica?.lease.release(), xds.drain(options.drainMs)]);
    },
    async close() {
      // From here on nothing is decided, written or told: that the proxies lose their streams now says nothing of their filters.
      const stopped = operator.stop().then(() => options.replica?.lease.release());
      const silent = Promise.all([stopped.then(() => replicas?.stop()), hub.close()]);
      // What waits for an answer of the API server holds up no stream's end.
      const letGo = Promise.all(watches.map((unwatch) => unwatch?.()));
      await webhook?.close();
      await xds.close();
      await callers.stop();
      await silent;
      await letGo;
    },
  });
}

/** Servers with one certificate. */
function everyServer(...servers: readonly (Parameters<Tls["watch"]>[0] | undefined)[]): Parameters<Tls["watch"]>[0] {
  return {
    setSecureContext(context) {
      for (const server of servers) server?.setSecureContext(context);
    },
  };
}

/** The composition root: every room is made and wired here and nowhere else. Nothing is started. */
function createRooms(
  options: ServeOptions,
  keys: Keyring,
  tls: Tls | undefined,
  tokens: LiveTokens | undefined,
  makeReplicas: MakeReplicas | undefined,
) {
  const { source, log } = options;
  const clock = systemClock;
  const { metrics, registry } = createPrometheus();
  const layouts = options.layoutBase === undefined ? {} : { layoutBase: options.layoutBase };
  const { dataDir, plainHttp, fetch, mirrors } = options;
  const registries = { plainHttp, fetch, mirrors, metrics, ...layouts };
  const { quotaBytes: maxStoreBytes, namespaceBytes: maxNamespaceBytes, scrub } = options.store;
  const keeping = { dataDir, maxStoreBytes, maxNamespaceBytes, scrub };
  const peers: StoreSource = { read: async (wasmDigest, signal) => replicas?.peers.modules.read(wasmDigest, signal) };
  const modules = createModuleRegistry({ ...keeping, ...registries, log, peers });
  const cache = createModuleCache({ source: modules, maxBytes: options.moduleCacheBytes, log });
  const takesCertificates = tls?.options.requestCert === true;
  const callers = createCallers({ ...options, keys, tokens, takesCertificates, clock, metrics });
  const xds = createXdsServer({
    address: `${options.xds.host}:${options.xds.port}`,
    log,
    clock,
    metrics,
    modules: cache,
    tls: tls?.options,
    authenticator: callers.authenticator,
    maxConnectionAgeMs: options.maxConnectionAgeMs,
    maxConnections: options.sockets.xds,
    maxConnectionsPerAddress: options.sockets.xdsPerAddress,
  });
  const replicas = makeReplicas?.({ own: xds.fleet, modules, vouching: callers.vouching });
  const fleet = replicas?.peers.fleet ?? xds.fleet;
  const leadership = replicas?.peers.leadership ?? alone;
  const shared = {
    source,
    fleet,
    registry: modules,
    preflight: options.preflight ?? createPreflight({ metrics, maxLoadMs: options.maxModuleLoadMs, ...proversOf(options, metrics) }),
    parseKeychain: parseDockerConfig,
    configJudge: createConfigJudge(),
    implied: options.implied,
    verifier: createVerifier(registries),
    trustRoot: options.trustRoot,
    keys,
    clock,
    ownNamespace: options.ownNamespace,
    crashes: options.crashes,
  };
  const operator = createOperator({ ...shared, random: Math.random, log, metrics, leadership, peers: replicas?.peers });
  const planner = createPlanner({ ...shared, records: () => operator.records(), ready: () => operator.ready() });
  const hearsAll = () => replicas?.peers.hearsAll() ?? true;
  const admission = createFilterAdmission({ ...shared, records: () => operator.records(), hearsAll, log });
  registerServerMetrics(registry, { version: ownVersion(), source, leadership, peers: replicas?.peers });
  registerCertificateMetrics(registry, tls);
  registerFilterMetrics(registry, () => operator.filters(), replicas?.peers.own ?? xds.fleet);
  const ready = () => operator.ready() && xds.takesProxies();
  const views = createViews({ ...shared, operator, metrics: () => registry.metrics(), ready, now: clock.now });
  const readers = tokens && readersOf(tokens);
  const plans = { planner, applicants: applicantsOf({ ...options, readers, clock }) };
  const catalog = openCatalog(options.catalog, registries);
  const people = options.acting && peopleOf(options.acting, tokens);
  const others = createOthers(options.others ?? [], clock.now);
  const hub = createHubs({ views, catalog, others, maxConnections: options.sockets.http, log, readers, plans, people }, options);
  return { xds, operator, callers, metrics, hub, views, replicas, admission };
}

/** Replicas prove themselves by Weir's authority. `undefined`: this server is alone. */
async function openShared({ replica, keyStore, log }: ServeOptions, tls: Tls | undefined): Promise<Result<MakeReplicas | undefined>> {
  if (replica === undefined) return ok(undefined);
  const authority = tls?.authority === undefined ? await keyStore.authority() : ok(tls.authority);
  return authority.ok ? ok(await openReplicas({ replica, authority: authority.value, log })) : authority;
}

function proversOf({ proverSocket, log }: ServeOptions, metrics: Metrics): Pick<PreflightOptions, "provers" | "ahead"> {
  return proverSocket === undefined ? { ahead: PROVERS_AHEAD } : { provers: remoteProvers({ path: proverSocket, log, metrics }) };
}

async function bind(server: { listen(): Promise<Address> }, { host, port }: Address): Promise<Result<Address>> {
  try {
    return ok(await server.listen());
  } catch (error) {
    const cause = messageOf(error);
    return fail("AddressUnavailable", `--xds-address ${host}:${port} cannot be listened on: ${cause}`);
  }
}
