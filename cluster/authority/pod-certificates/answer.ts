import type { KeyObject } from "node:crypto";
import { timestamp } from "../../../model/kube.ts";
import { type CertificateFiles, certify } from "../certificate.ts";
import { CLIENT_VALID_MS, endOf } from "../rotation.ts";
import type { Denial, PodCertificateRequest } from "./request.ts";

/** For clocks that are behind; the API server takes at most five minutes. */
const BACKDATE_MS = 4 * 60_000;

/** The status that a request gets. `now`: milliseconds since the epoch. */
export type Answer = Readonly<Record<string, unknown>>;

/** https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md#2-spiffe-identity */
function podUri(trustDomain: string, { namespace, serviceAccountName, podName, podUid }: PodCertificateRequest): string {
  return `spiffe://${trustDomain}/ns/${namespace}/sa/${serviceAccountName}/pod/${podName}/${podUid}`;
}

export interface IssueOptions {
  readonly authority: CertificateFiles;
  readonly trustDomain: string;
  readonly request: PodCertificateRequest;
  readonly publicKey: KeyObject;
  readonly now: number;
}

/**
 * A certificate of a day, or shorter where the pod asks for less; the kubelet comes for the next one at two thirds. Its times are those of the status, in whole seconds.
 */
export function issue({ authority, trustDomain, request, publicKey, now }: IssueOptions): Answer {
  const notBefore = Math.floor((now - BACKDATE_MS) / 1_000) * 1_000;
  const validMs = Math.min(CLIENT_VALID_MS, request.maxValidMs, endOf(authority.cert) - notBefore);
  const certificateChain = certify(authority, publicKey, {
    purpose: "client",
    name: request.podName,
    uris: [podUri(trustDomain, request)],
    now: notBefore,
    backdateMs: 0,
    validMs,
  });
  return {
    conditions: [condition("Issued", "Issued", "signed by weir", now)],
    certificateChain,
    notBefore: timestamp(notBefore),
    notAfter: timestamp(notBefore + validMs),
    beginRefreshAt: timestamp(notBefore + Math.floor((validMs * 2) / 3_000) * 1_000),
  };
}

export function deny({ reason, message }: Denial, now: number): Answer {
  return { conditions: [condition("Denied", reason, message, now)] };
}

function condition(type: "Issued" | "Denied", reason: string, message: string, now: number) {
  return { type, status: "True", reason, message, lastTransitionTime: timestamp(now) };
}
