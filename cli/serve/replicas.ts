import { lookup } from "node:dns/promises";
import { messageOf } from "../../base/error.ts";
import {
  type Authority,
  createPeers,
  GET,
  issueReplicaCertificate,
  JOIN,
  openGrpcDial,
  type ReplicaPeers,
  replicaUri,
} from "../../cluster/index.ts";
import { systemClock } from "../../model/clock.ts";
import type { Fleet } from "../../model/delivery.ts";
import type { Vouching } from "../../model/identity.ts";
import type { Log } from "../../model/log.ts";
import { silentMetrics } from "../../model/metrics.ts";
import type { StoreSource } from "../../model/module.ts";
import { type Failure, fail, ok, type Result } from "../../model/result.ts";
import { createGrpcServer, createRefusals, frame, type GrpcServer } from "../../xds/index.ts";
import type { Address } from "../args/address.ts";
import { ownVersion } from "./own-version.ts";
import type { Replica } from "./replica-flags.ts";

/** This server among its replicas. */
export interface Replicas {
  readonly peers: ReplicaPeers;
  /** Listens for the others and begins to call them. Gives why the address cannot be had. */
  start(): Promise<Failure | undefined>;
  stop(): Promise<void>;
}

export interface ReplicasOptions {
  readonly replica: Replica;
  readonly authority: Authority;
  readonly log: Log;
}

/** Largest message: a report tells of a few hundred proxies. */
const MAX_MESSAGE = 4 * 1024 * 1024;
/** A replica that is cut off counts as lost after 4 to 6 s, before another may decide; one that had no turn for less than that is not cut off. */
const KEEPALIVE = { keepaliveMs: 2_000, keepaliveProbes: 2 };
/** Each call of a peer has one, and 64 peers at most call. Anybody may open them where no NetworkPolicy is kept: who shows no certificate makes room. */
const MOST_CONNECTIONS = { maxConnections: 256, maxConnectionsPerAddress: 128 };
/** Certificates of this port last a week. */
const RENEW_MS = 86_400_000;

/** What replicas are made out of: the server's own proxies, the modules of its own store, and what it knows of who its clients are. */
export interface OwnParts {
  readonly own: Fleet;
  readonly modules: Pick<StoreSource, "read">;
  readonly vouching: Vouching | undefined;
}

export type MakeReplicas = (parts: OwnParts) => Replicas;

export async function openReplicas(options: ReplicasOptions): Promise<MakeReplicas> {
  const { namespace, name } = options.replica.of;
  const uri = replicaUri(namespace, name);
  const dial = await openGrpcDial({ authority: options.authority, uri, now: systemClock.now });
  return (parts) => createReplicas(options, { uri, dial, ...parts });
}

interface Parts extends OwnParts {
  readonly uri: string;
  readonly dial: Parameters<typeof createPeers>[0]["dial"];
}

function createReplicas({ replica, authority, log }: ReplicasOptions, parts: Parts): Replicas {
  const { id, lease, address, peers: names, steady } = replica;
  const clock = systemClock;
  const peers = createPeers({
    id,
    version: ownVersion(),
    ...parts,
    leadership: lease,
    addresses: () => addressesOf(names),
    clock,
    steady,
    log,
  });
  const context = () => ({ ...issueReplicaCertificate(authority, parts.uri, "server", clock.now()), ca: authority.current() });
  const server = createGrpcServer({
    methods: new Map([
      [JOIN, joinMethod(peers.service)],
      [GET, getMethod(peers.contentService)],
    ]),
    tls: { ...context(), requestCert: true, rejectUnauthorized: false },
    maxRequestSize: MAX_MESSAGE,
    maxConnectionAgeMs: 0,
    ...KEEPALIVE,
    ...MOST_CONNECTIONS,
    refused: createRefusals(log.child({ port: "replicas" }), clock, silentMetrics),
  });
  let stopRenewing = () => {};
  return {
    peers,
    async start() {
      const bound = await listen(server, address);
      if (!bound.ok) return bound.error;
      log.info("replicas are listened for", { address: bound.value });
      stopRenewing = renewing(() => server.setSecureContext(context()), authority);
      peers.start();
      return undefined;
    },
    async stop() {
      stopRenewing();
      peers.stop();
      await server.close();
    },
  };
}

type Method = NonNullable<ReturnType<Parameters<typeof createGrpcServer>[0]["methods"]["get"]>>;

function joinMethod(service: ReplicaPeers["service"]): Method {
  return (call) => {
    const handler = service.open({
      proof: call.connection.peer.certificate,
      send: (message) => void call.send(frame([message])),
      end: (code, message) => call.end(code, message),
    });
    return { message: (bytes) => handler.message(bytes), halfClosed: () => call.end(0), closed: () => handler.closed() };
  };
}

function getMethod(service: ReplicaPeers["contentService"]): Method {
  return (call) => {
    const handler = service.open({
      proof: call.connection.peer.certificate,
      send: (message) => call.send(frame([message])),
      end: (code, message) => call.end(code, message),
    });
    return {
      message: (bytes) => handler.message(bytes),
      drained: () => handler.drained(),
      // Its answer may be on its way.
      halfClosed() {},
      closed: () => handler.closed(),
    };
  };
}

function renewing(renew: () => void, authority: Authority): () => void {
  const timer = setInterval(renew, RENEW_MS).unref();
  const unlisten = authority.onChange(renew);
  return () => {
    clearInterval(timer);
    unlisten();
  };
}

/** Every address of every name. `undefined`: a name could not be looked up, so that nothing is known of who is gone. */
async function addressesOf(names: readonly Address[]): Promise<ReadonlySet<string> | undefined> {
  const found = new Set<string>();
  try {
    for (const { host, port } of names) {
      for (const { address, family } of await lookup(host, { all: true }))
        found.add(family === 6 ? `[${address}]:${port}` : `${address}:${port}`);
    }
    return found;
  } catch {
    return undefined;
  }
}

async function listen(server: GrpcServer, { host, port }: Address): Promise<Result<string>> {
  try {
    const bound = await server.listen(`${host}:${port}`);
    return ok(`${bound.host}:${bound.port}`);
  } catch (error) {
    return fail("AddressUnavailable", `--peer-address ${host}:${port} cannot be listened on: ${messageOf(error)}`);
  }
}
