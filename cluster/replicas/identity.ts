import type { Authority } from "../authority/authority.ts";
import { type CertificateFiles, issueCertificate, type Purpose } from "../authority/certificate.ts";

/** What TLS says of the other side. */
export interface PeerProof {
  /** Its alternative names as Node prints them. */
  readonly altNames: string;
  /** When it ends, in milliseconds since the epoch. */
  readonly until: number;
  /** Why it does not lead to Weir's authority; `undefined`: it does. */
  readonly fault: string | undefined;
}

const DAY_MS = 86_400_000;
/** A replica makes a certificate anew each hour, and keeps it in memory alone. */
const VALID_MS = 7 * DAY_MS;

/**
 * The SPIFFE id of the replicas of one Weir. It names no namespace of proxies (`/ns/...`), so that nothing that Weir signs for a proxy or a person is a replica, and
 * a replica is no proxy.
 */
export function replicaUri(namespace: string, lease: string): string {
  return `spiffe://weir/replica/${namespace}/${lease}`;
}

export function issueReplicaCertificate(authority: Authority, uri: string, purpose: Purpose, now: number): CertificateFiles {
  return issueCertificate(authority.signing(), { purpose, name: "weir replica", uris: [uri], now, validMs: VALID_MS });
}

/** Why the other side is no replica of this Weir; `undefined`: it is one. */
export function whyNoReplica(proof: PeerProof | undefined, uri: string, now: number): string | undefined {
  if (proof === undefined) return "it shows no certificate";
  const { altNames, until, fault } = proof;
  if (fault !== undefined) return `its certificate does not lead to Weir's authority: ${fault}`;
  if (until <= now) return "its certificate has ended";
  return altNames === `URI:${uri}` ? undefined : "its certificate is not one of a replica of this Weir";
}
