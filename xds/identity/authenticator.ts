import { fail, type Result } from "../../model/result.ts";
import type { Peer } from "../grpc/peer.ts";
import { type Accepted, certificateIdentity } from "./certificate.ts";

/** A proxy of this namespace. */
export interface ProxyIdentity {
  readonly role: "proxy";
  readonly namespace: string;
  /** Set: this node and no other. */
  readonly nodeId: string | undefined;
  /** When what proves it ends, in milliseconds since the epoch. */
  readonly until: number | undefined;
}

/** Somebody who may read what Weir knows. */
export interface ReaderIdentity {
  readonly role: "reader";
  readonly until: undefined;
}

/** Whom a client proved to be. */
export type Identity = ProxyIdentity | ReaderIdentity;

/** What a call shows of who makes it. */
export interface Proofs {
  readonly peer: Peer;
  /** The metadata `authorization`. */
  readonly authorization: string | undefined;
}

/** Decides who a client is. Nothing that a client says of itself counts. */
export interface Authenticator {
  /** `now`: milliseconds since the epoch. Fails with `Unauthenticated`, worded for the status of the call. */
  authenticate(proofs: Proofs, now: number): Result<Identity>;
  /** Calls the listener when others are accepted than before, until the returned function is called. */
  onChange(listener: () => void): () => void;
}

/** The tokens that are accepted now. */
export interface Tokens {
  /** `text`: a bearer token, without the scheme. */
  find(text: string): Identity | undefined;
  onChange(listener: () => void): () => void;
}

export interface AuthenticatorOptions {
  /** Absent: no token proves anything. */
  readonly tokens?: Tokens | undefined;
  /** Absent: no certificate proves anything. */
  readonly certificates?: Accepted | undefined;
}

/** A token where the call brings one, else the certificate of its connection. */
export function createAuthenticator({ tokens, certificates }: AuthenticatorOptions): Authenticator {
  return {
    authenticate({ peer, authorization }, now) {
      if (tokens !== undefined && authorization !== undefined) {
        const found = tokens.find(bearerOf(authorization));
        return found === undefined ? fail("Unauthenticated", "the token is not one that this server knows") : { ok: true, value: found };
      }
      if (certificates !== undefined && peer.certificate !== undefined) return certificateIdentity(peer.certificate, certificates, now);
      const ways = [...(certificates === undefined ? [] : ["a client certificate"]), ...(tokens === undefined ? [] : ["a bearer token"])];
      return fail("Unauthenticated", `this server asks who you are; connect with ${ways.join(" or ")}`);
    },
    onChange: (listener) => tokens?.onChange(listener) ?? (() => {}),
  };
}

/** The token of an `authorization`. Envoys before 1.37 cannot write the scheme before it. https://www.rfc-editor.org/rfc/rfc6750#section-2.1 */
export function bearerOf(authorization: string): string {
  return authorization.replace(/^bearer +/i, "");
}
