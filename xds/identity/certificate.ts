import type { ProxyIdentity } from "../../model/identity.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import type { PeerCertificate } from "../grpc/peer.ts";

/** Which certificates count, beyond that their authority is trusted. */
export interface Accepted {
  /** The trust domain of SPIFFE ids; `undefined`: any that an authority put into a certificate. */
  readonly trustDomain: string | undefined;
}

/** https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md#2-spiffe-identity */
const SPIFFE = /^spiffe:\/\/([a-z0-9._-]{1,255})\/ns\/([a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)((?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+)*)$/;
/** Any spelling, also within the quotes that Node puts: what is one to somebody else is counted here. */
const IS_SPIFFE = /^"?spiffe:/i;
const NODE = /^\/node\/([^/]+)$/;
/** What Weir signs for a pod: its service account, name and uid. https://www.rfc-editor.org/rfc/rfc9562#section-4 */
const POD = /^\/sa\/[^/]+\/pod\/([^/]+)\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;
/** https://nodejs.org/api/tls.html#x509-certificate-error-codes */
const NOT_YET_VALID = "CERT_NOT_YET_VALID";
/** What a node id may hold where it is a part of a SPIFFE id. */
const NODE_ID = /^[A-Za-z0-9._-]{1,253}$/;
/** Node quotes a name that holds anything but plain characters, so that it cannot look like two. https://nodejs.org/api/tls.html#certificate-object */
const ALT_NAME = /([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?:, |$)/y;

/** The SPIFFE id of a node, as `weir identity issue` puts it into certificates; `undefined` when the node's id cannot be a part of one. */
export function nodeUri(namespace: string, nodeId: string): string | undefined {
  const uri = `spiffe://weir/ns/${namespace}/node/${nodeId}`;
  return SPIFFE.test(uri) && NODE_ID.test(nodeId) ? uri : undefined;
}

/**
 * Who a certificate says that a client is: its SPIFFE id is `spiffe://TRUST-DOMAIN/ns/NAMESPACE`, then anything, or `/node/NODE-ID` for one node alone, or
 * `/sa/SERVICE-ACCOUNT/pod/NAME/UID` for the proxy of one pod alone.
 * `now`: milliseconds since the epoch. Fails with `Unauthenticated`.
 */
export function certificateIdentity(certificate: PeerCertificate, accepted: Accepted, now: number): Result<ProxyIdentity> {
  const { fault, until } = certificate;
  // First: OpenSSL tells of it as of an authority that is not trusted.
  if (until <= now) return refuse(`ended at ${new Date(until).toISOString()}`);
  if (fault === NOT_YET_VALID) return refuse(`is not valid yet by this server's clock, ${new Date(now).toISOString()}; compare the clocks`);
  if (fault !== undefined) return refuse(`does not lead to an authority that this server trusts: ${fault}`);
  const ids = uris(certificate.altNames)?.filter((uri) => IS_SPIFFE.test(uri)) ?? [];
  const [id] = ids;
  // https://github.com/spiffe/spiffe/blob/main/standards/X509-SVID.md#2-spiffe-id
  if (id === undefined || ids.length > 1)
    return refuse("must have one SPIFFE id, spiffe://TRUST-DOMAIN/ns/NAMESPACE/..., as its only URI of that kind");
  const [, trustDomain, namespace, path = ""] = SPIFFE.exec(id) ?? [];
  if (namespace === undefined) return refuse("has a SPIFFE id that names no namespace; it must be spiffe://TRUST-DOMAIN/ns/NAMESPACE/...");
  if (accepted.trustDomain !== undefined && trustDomain !== accepted.trustDomain)
    return refuse(`is of trust domain ${trustDomain}, and this server takes ${accepted.trustDomain}`);
  const [, pod, podUid] = POD.exec(path) ?? [];
  return ok({ role: "proxy", namespace, nodeId: pod ?? NODE.exec(path)?.[1], until, ...(podUid === undefined ? {} : { podUid }) });
}

function refuse(why: string): Result<never> {
  return fail("Unauthenticated", `the client certificate ${why}`);
}

/** The URIs among alternative names; `undefined` when the text is none that Node writes. */
function uris(altNames: string): readonly string[] | undefined {
  const found: string[] = [];
  ALT_NAME.lastIndex = 0;
  while (ALT_NAME.lastIndex < altNames.length) {
    const match = ALT_NAME.exec(altNames);
    if (match === null) return undefined;
    if (match[1] === "URI") found.push(match[2] ?? "");
  }
  return found;
}
