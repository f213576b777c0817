import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type { Lease } from "../../cluster/index.ts";
import { systemClock } from "../../model/clock.ts";
import type { ClusterAccess } from "../../model/kube.ts";
import type { Log } from "../../model/log.ts";
import { ok, type Result } from "../../model/result.ts";
import { type Address, parseAddress } from "../args/address.ts";
import type { Flag, FlagValues } from "../args/syntax.ts";
import { usage } from "../args/usage.ts";

/** Flags of `weir serve` for one of several servers. */
export const replicaFlags = {
  lease: {
    type: "string",
    value: "NAME",
    help: "be one of several replicas: the one that holds this Lease of --own-namespace decides, all serve; needs --peer-address and --key-store secret",
    env: "WEIR_LEASE",
  },
  "peer-address": {
    type: "string",
    value: "HOST:PORT",
    help: "with --lease: where the other replicas call, over TLS with certificates of Weir's authority",
    env: "WEIR_PEER_ADDRESS",
  },
  peer: {
    type: "string",
    multiple: true,
    value: "HOST:PORT",
    help: "with --lease: where replicas are called; every address of the name is one, and this server may be among them",
  },
} as const satisfies Record<string, Flag>;

/** One of several servers. */
export interface Replica {
  /** Of this process; no other ever has the same. */
  readonly id: string;
  readonly lease: Lease;
  /** `namespace/name` of the Lease. */
  readonly of: { readonly namespace: string; readonly name: string };
  readonly address: Address;
  readonly peers: readonly Address[];
  readonly steady: () => number;
}

export interface ReplicaOptions {
  readonly cluster: ClusterAccess | undefined;
  /** Weir's own. */
  readonly ownNamespace: string | undefined;
  readonly keyStore: "file" | "secret";
  readonly log: Log;
}

/** https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names */
const NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;

/** What this server is among replicas; `undefined`: it is alone. Fails where they could not share what they must. Nothing is started. */
export async function readReplica(
  { lease: name, "peer-address": peerAddress, peer }: FlagValues<typeof replicaFlags>,
  { cluster, ownNamespace: namespace, keyStore, log }: ReplicaOptions,
): Promise<Result<Replica | undefined>> {
  if (name === undefined)
    return peerAddress === undefined && peer.length === 0
      ? ok(undefined)
      : usage("--peer-address and --peer are for replicas; add --lease");
  if (!NAME.test(name)) return usage("--lease is no name that a Lease can have: lower case letters, digits, dots and dashes");
  if (cluster === undefined) return usage("--lease needs a cluster: the Lease is there; leave --filters out, or run one server");
  if (namespace === undefined) return usage("--lease needs --own-namespace: the Lease is there");
  if (keyStore !== "secret") return usage("--lease needs --key-store secret: replicas have one private key and one authority");
  if (peerAddress === undefined || peer.length === 0)
    return usage("--lease needs --peer-address and --peer: who decides must hear of the proxies of all replicas");
  const address = parseAddress(peerAddress, "--peer-address");
  if (!address.ok) return address;
  const peers: Address[] = [];
  for (const text of peer) {
    const parsed = parseAddress(text, "--peer");
    if (!parsed.ok) return parsed;
    peers.push(parsed.value);
  }
  const { createLease } = await import("../../cluster/index.ts");
  const id = `${hostname()}_${randomUUID()}`;
  const steady = () => performance.now();
  const lease = createLease({ api: cluster.api, namespace, name, id, clock: systemClock, steady, random: Math.random, log });
  return ok({ id, lease, of: { namespace, name }, address: address.value, peers, steady });
}
