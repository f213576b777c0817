import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";

/** What TLS says of a client; nothing of it where there is no TLS. */
export interface Peer {
  readonly certificate: PeerCertificate | undefined;
}

export interface PeerCertificate {
  /** Its alternative names as Node prints them: `URI:spiffe://example.org/ns/shop, DNS:web-1`. */
  readonly altNames: string;
  /** When it ends, in milliseconds since the epoch. */
  readonly until: number;
  /** Why it does not lead to an authority that is trusted, in OpenSSL's words; `undefined`: it does. */
  readonly fault: string | undefined;
}

/** `socket`: after its handshake, if it is one of TLS. The handshake takes any certificate, so that a client can be told what is wrong with it. */
export function peerOf(socket: Socket): Peer {
  if (!(socket instanceof TLSSocket)) return { certificate: undefined };
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return { certificate: undefined };
  const { subjectAltName = "", validToDate } = certificate;
  const fault = socket.authorized ? undefined : String(socket.authorizationError ?? "it was not verified");
  return { certificate: { altNames: subjectAltName, until: validToDate.getTime(), fault } };
}
