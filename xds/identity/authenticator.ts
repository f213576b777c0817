import type { Identity, Pods, ProxyIdentity, Soon, TokenReviewer } from "../../model/identity.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { hostOf, type Peer } from "../grpc/peer.ts";
import { type Accepted, certificateIdentity } from "./certificate.ts";

/** What a call shows of who makes it. */
export interface Proofs {
  readonly peer: Peer;
  /** `host:port` of the client. */
  readonly address: string;
  /** The metadata `authorization`. */
  readonly authorization: string | undefined;
}

/** Decides who a client is. Nothing that a client says of itself counts. */
export interface Authenticator {
  /**
   * `now`: milliseconds since the epoch. Fails with `Unauthenticated`, or with what is retryable when it cannot be decided now; worded for the status of the call.
   * What need not be asked of anybody is answered at once.
   */
  authenticate(proofs: Proofs, now: number): Soon<Result<Identity>>;
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
  readonly tokens?: Tokens | undefined;
  /** Asked for tokens that are not among `tokens`. Absent, and no `tokens`: no token proves anything. */
  readonly reviewer?: TokenReviewer | undefined;
  /** Absent: no certificate proves anything. */
  readonly certificates?: Accepted | undefined;
  /** Asked for the pod of who proved to run in one. Absent: what a node says of its labels counts. */
  readonly pods?: Pods | undefined;
}

/** A token where the call brings one, else the certificate of its connection. */
export function createAuthenticator({ tokens, reviewer, certificates, pods }: AuthenticatorOptions): Authenticator {
  const takesTokens = tokens !== undefined || reviewer !== undefined;
  const ways = [...(certificates === undefined ? [] : ["a client certificate"]), ...(takesTokens ? ["a bearer token"] : [])];

  function identify({ peer, address, authorization }: Proofs, now: number): Soon<Result<Identity>> {
    if (takesTokens && authorization !== undefined) {
      const token = bearerOf(authorization);
      const found = tokens?.find(token);
      if (found !== undefined) return ok(found);
      return reviewer?.review(token, hostOf(address)) ?? fail("Unauthenticated", "the token is not one that this server knows");
    }
    if (certificates !== undefined && peer.certificate !== undefined) return certificateIdentity(peer.certificate, certificates, now);
    return fail("Unauthenticated", `this server asks who you are; connect with ${ways.join(" or ")}`);
  }

  /** Adds the pod, where it proved one. */
  function withPod(proved: Result<Identity>, { address, authorization }: Proofs): Soon<Result<Identity>> {
    if (pods === undefined || !proved.ok || proved.value.role === "reader") return proved;
    const { podUid: uid, namespace, nodeId: name } = proved.value;
    if (uid === undefined || name === undefined) return proved;
    const identity: ProxyIdentity = proved.value;
    const byToken = takesTokens && authorization !== undefined;
    return after(pods.find({ namespace, name, uid, byToken }, hostOf(address)), (pod) =>
      pod.ok ? ok({ ...identity, pod: pod.value }) : pod,
    );
  }

  return {
    authenticate: (proofs, now) => after(identify(proofs, now), (proved) => withPod(proved, proofs)),
    onChange: (listener) => tokens?.onChange(listener) ?? (() => {}),
  };
}

/** Goes on at once with what is known at once. */
export function after<T, U>(soon: Soon<T>, next: (value: T) => Soon<U>): Soon<U> {
  return soon instanceof Promise ? soon.then(next) : next(soon);
}

/** The token of an `authorization`. Envoys before 1.37 cannot write the scheme before it. https://www.rfc-editor.org/rfc/rfc6750#section-2.1 */
export function bearerOf(authorization: string): string {
  return authorization.replace(/^bearer +/i, "");
}
