import { join } from "node:path";
import { noCrashJournal } from "../../model/crash-journal.ts";
import type { Log } from "../../model/log.ts";
import { ok, type Result } from "../../model/result.ts";
import type { Preflight } from "../../model/verdict.ts";
import type { Fetch } from "../../oci/index.ts";
import type { Source } from "../../operator/index.ts";
import { openKeyStore } from "../serve/key-store.ts";
import { type Server, startServer } from "../serve/serve.ts";
import type { Scope } from "./scope.ts";

export interface LocalServerOptions {
  readonly source: Source;
  readonly dataDir: string;
  /** Where relative `oci-layout:` references start from. */
  readonly layoutBase: string;
  readonly plainHttp: readonly string[];
  readonly fetch: Fetch;
  readonly preflight?: Preflight;
  readonly maxModuleLoadMs: number;
  readonly log: Log;
}

const LOOPBACK = { host: "127.0.0.1", port: 0 };
/** Sockets of a server with one proxy. */
const FEW = 64;

/** `weir serve` in this process, for a proxy on this machine: the same operator and the same xDS server, on free ports. */
export async function startLocalServer(scope: Scope, options: LocalServerOptions): Promise<Result<Server>> {
  const { dataDir, log } = options;
  const keyStore = openKeyStore("file", { dataDir, cluster: undefined, namespace: undefined, log });
  if (!keyStore.ok) return keyStore;
  const started = await startServer({
    ...options,
    dataDir: join(dataDir, "server"),
    keyStore: keyStore.value,
    crashes: noCrashJournal,
    xds: LOOPBACK,
    http: LOOPBACK,
    health: undefined,
    cluster: undefined,
    podCertificates: "off",
    ownNamespace: undefined,
    moduleCacheBytes: 64 << 20,
    store: { quotaBytes: 2 * 2 ** 30, namespaceBytes: 4 * 2 ** 30 },
    tokenFile: undefined,
    tokenAudience: undefined,
    checksPodAddress: false,
    trustDomain: undefined,
    tls: undefined,
    sockets: { xds: FEW, xdsPerAddress: FEW, http: FEW },
    maxConnectionAgeMs: 0,
    drainMs: 0,
    trustRoot: undefined,
    proverSocket: undefined,
    webhook: undefined,
  });
  if (!started.ok) return started;
  scope.defer(() => started.value.close());
  return ok(started.value);
}
