import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { anchorOf } from "./anchor.ts";

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
  /** Fingerprint of the authority that it leads to. Absent: to none that is trusted. */
  readonly anchor?: string;
}

/** The IP address in `host:port`; of an IPv4 client of an IPv6 socket the IPv4 address. https://www.rfc-editor.org/rfc/rfc4291#section-2.5.5.2 */
export function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(":")).replace(/^::ffff:(?=[\d.]+$)/i, "");
}

/** `socket`: after its handshake, if it is one of TLS. The handshake takes any certificate, so that a client can be told what is wrong with it. */
export function peerOf(socket: Socket): Peer {
  if (!(socket instanceof TLSSocket)) return { certificate: undefined };
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return { certificate: undefined };
  const { subjectAltName = "", validToDate } = certificate;
  const fault = socket.authorized ? undefined : String(socket.authorizationError ?? "it was not verified");
  const anchor = fault === undefined ? { anchor: anchorOf(socket) } : {};
  return { certificate: { altNames: subjectAltName, until: validToDate.getTime(), fault, ...anchor } };
}
