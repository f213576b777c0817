import { createPublicKey, type KeyObject } from "node:crypto";
import { CertificationRequest } from "@peculiar/asn1-csr";
import { AsnConvert } from "@peculiar/asn1-schema";
import { isRecord } from "../../../base/json.ts";
import type { Fields, KubeObject } from "../../../model/kube.ts";

/** A PodCertificateRequest that waits, as far as its signer needs it. https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#pod-certificate-requests */
export interface PodCertificateRequest {
  readonly namespace: string;
  readonly name: string;
  /** By the clock of the API server, in milliseconds since the epoch. */
  readonly createdAt: number;
  readonly podName: string;
  readonly podUid: string;
  readonly serviceAccountName: string;
  readonly nodeName: string;
  readonly maxValidMs: number;
  /** Names of annotations that the pod's author put in for the signer. */
  readonly userAnnotations: readonly string[];
  readonly publicKey: KeyObject | undefined;
}

/** Why nothing is signed. */
export interface Denial {
  /** CamelCase, for the condition. */
  readonly reason: string;
  readonly message: string;
}

/** `undefined`: it has been answered. The API server checked its form, and that its key is the requester's. */
export function readRequest({ metadata, spec, status }: KubeObject): PodCertificateRequest | undefined {
  if (!isRecord(spec)) return undefined;
  if (isRecord(status) && Array.isArray(status.conditions) && status.conditions.length > 0) return undefined;
  return {
    namespace: metadata.namespace ?? "",
    name: metadata.name,
    createdAt: Date.parse(String(metadata.creationTimestamp)),
    podName: String(spec.podName),
    podUid: String(spec.podUID),
    serviceAccountName: String(spec.serviceAccountName),
    nodeName: String(spec.nodeName),
    maxValidMs: Number(spec.maxExpirationSeconds) * 1_000,
    userAnnotations: isRecord(spec.unverifiedUserAnnotations) ? Object.keys(spec.unverifiedUserAnnotations) : [],
    publicKey: keyOf(spec),
  };
}

/** Whether a certificate is due: the request is about the pod that the cluster has by that name, and its key is of a kind that Envoy takes. `pod`: the object; `undefined`: there is none. */
export function denialOf(request: PodCertificateRequest, pod: Fields | undefined): Denial | undefined {
  const { podName, podUid, serviceAccountName, nodeName, publicKey, userAnnotations } = request;
  if (userAnnotations.length > 0)
    return { reason: "InvalidUnverifiedUserAnnotations", message: "this signer knows no userAnnotations; leave them out of the volume" };
  if (!isUsable(publicKey)) {
    return { reason: "UnsupportedKeyType", message: "Envoy takes ECDSA and RSA keys; set keyType: ECDSAP256 in the volume" };
  }
  const metadata = isRecord(pod?.metadata) ? pod.metadata : {};
  const spec = isRecord(pod?.spec) ? pod.spec : {};
  if (metadata.uid !== podUid) return { reason: "PodMismatch", message: `there is no pod ${podName} with the uid ${podUid}` };
  if ((spec.serviceAccountName ?? "default") !== serviceAccountName)
    return { reason: "PodMismatch", message: `the pod ${podName} does not run as the service account ${serviceAccountName}` };
  if (spec.nodeName !== nodeName) return { reason: "PodMismatch", message: `the pod ${podName} does not run on the node ${nodeName}` };
  return undefined;
}

/** https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/security/ssl#certificate-selection */
function isUsable(key: KeyObject | undefined): boolean {
  return key?.asymmetricKeyType === "ec" || key?.asymmetricKeyType === "rsa";
}

/** The API servers of before 1.36 send the key alone. */
function keyOf({ stubPKCS10Request, pkixPublicKey }: Fields): KeyObject | undefined {
  try {
    if (typeof stubPKCS10Request === "string" && stubPKCS10Request !== "") {
      const { certificationRequestInfo } = AsnConvert.parse(Buffer.from(stubPKCS10Request, "base64"), CertificationRequest);
      return publicKeyOf(Buffer.from(AsnConvert.serialize(certificationRequestInfo.subjectPKInfo)));
    }
    return typeof pkixPublicKey === "string" ? publicKeyOf(Buffer.from(pkixPublicKey, "base64")) : undefined;
  } catch {
    return undefined;
  }
}

function publicKeyOf(der: Buffer): KeyObject {
  return createPublicKey({ key: der, format: "der", type: "spki" });
}
