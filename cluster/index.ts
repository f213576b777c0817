/** What only a Kubernetes cluster has. */

import type { Dial } from "./replicas/dial.ts";
import type { GrpcDialOptions } from "./replicas/grpc-dial.ts";

export { createApplicants } from "./applicants/applicants.ts";

export { type Authority, fixedAuthority } from "./authority/authority.ts";
export { keepBundleInConfigMap } from "./authority/bundle-in-config-map.ts";
export { keepBundleInPods } from "./authority/bundle-in-pods.ts";
export { type CertificateFiles, certify, createAuthority, isAuthority, issueCertificate } from "./authority/certificate.ts";
export { openKeptAuthority } from "./authority/kept-authority.ts";
export { findPodCertificates, type PodCertificateApi } from "./authority/pod-certificates/discovery.ts";
export { startSigner } from "./authority/pod-certificates/signer.ts";
export { privateKeySecret } from "./authority/private-key.ts";
export { endOf } from "./authority/rotation.ts";
export { judge } from "./check/check.ts";
export type { Finding } from "./check/finding.ts";
export { gather } from "./check/gather.ts";
export type { Crd } from "./check/narrowing.ts";
export { openPodIdentity, type PodIdentity } from "./identity/pod-identity.ts";
export {
  INJECT,
  type Injection,
  type InjectionSettings,
  inject,
  injectObject,
  type Looked,
  type NamespaceView,
  namespaceView,
  type ProxyImage,
  podCredentials,
} from "./injection/index.ts";
export { createPeople } from "./people/people.ts";
export { createPullSecrets } from "./pull-secrets/pull-secrets.ts";
export { GET } from "./replicas/content-service.ts";
export { issueReplicaCertificate, replicaUri } from "./replicas/identity.ts";
export { createLease, type Lease } from "./replicas/lease.ts";
export { createPeers, type ReplicaPeers } from "./replicas/peers.ts";
export { JOIN } from "./replicas/service.ts";
export {
  createFilterHandler,
  createPodHandler,
  createWebhook,
  type Handler,
  type KeptConfiguration,
  keepConfiguration,
  readNamespace,
  type Webhook,
} from "./webhook/index.ts";

/** How replicas call each other. Loaded when it is needed: who is alone does not wait for grpc-js. */
export async function openGrpcDial(options: GrpcDialOptions): Promise<Dial> {
  const { createGrpcDial } = await import("./replicas/grpc-dial.ts");
  return createGrpcDial(options);
}
