import { AUTHORITY_SECRET } from "../authority/authority-secret.ts";
import { BUNDLE_CONFIG_MAP } from "../authority/bundle-in-config-map.ts";
import { BUNDLE_NAME, SIGNER } from "../authority/pod-certificates/trust-bundle.ts";
import { PRIVATE_KEY_SECRET } from "../authority/private-key.ts";

/** A right that something needs. `resource` may have a subresource. */
export interface Right {
  readonly group: string;
  readonly resource: string;
  readonly verbs: readonly string[];
  /** In Weir's own namespace; else in every one. */
  readonly own?: true;
  /** One object only. */
  readonly name?: string;
  /** Needed where Weir's command line has this text. */
  readonly flag?: string;
}

/** Stand for the names that these flags give. */
export const WEBHOOK_CONFIGURATION = "--webhook-configuration";
export const ADMISSION_CONFIGURATION = "--admission-configuration";

/** Stands for the name that `--lease` gives. */
export const LEASE = "--lease";

/** Stands for the name that `--pull-service-account` gives. */
export const PULL_SERVICE_ACCOUNT = "--pull-service-account";

/** What Weir asks of the API server: the roles of charts/weir, which a test holds to this. */
export const WEIRS_RIGHTS: readonly Right[] = [
  { group: "weir.dev", resource: "wasmfilters", verbs: ["get", "list", "watch"] },
  { group: "weir.dev", resource: "wasmfilters/status", verbs: ["update"] },
  { group: "weir.dev", resource: "wasmpolicies", verbs: ["get", "list", "watch"] },
  { group: "weir.dev", resource: "wasmpolicies/status", verbs: ["update"] },
  { group: "", resource: "namespaces", verbs: ["list", "watch"] },
  { group: "apps", resource: "controllerrevisions", verbs: ["list", "create", "delete"] },
  { group: "", resource: "events", verbs: ["create", "patch"] },
  { group: "authentication.k8s.io", resource: "tokenreviews", verbs: ["create"] },
  { group: "authorization.k8s.io", resource: "subjectaccessreviews", verbs: ["create"] },
  { group: "", resource: "pods", verbs: ["get", "list", "watch"], flag: "--token-review" },
  { group: "", resource: "pods", verbs: ["get"], flag: "--pod-certificates" },
  { group: "", resource: "pods", verbs: ["list", "patch"], flag: "--proxy-image" },
  { group: "certificates.k8s.io", resource: "podcertificaterequests", verbs: ["get", "list", "watch"], flag: "--pod-certificates" },
  { group: "certificates.k8s.io", resource: "podcertificaterequests/status", verbs: ["patch"], flag: "--pod-certificates" },
  { group: "certificates.k8s.io", resource: "signers", verbs: ["sign", "attest"], name: SIGNER, flag: "--pod-certificates" },
  { group: "certificates.k8s.io", resource: "clustertrustbundles", verbs: ["create"], flag: "--pod-certificates" },
  {
    group: "certificates.k8s.io",
    resource: "clustertrustbundles",
    verbs: ["get", "patch"],
    name: BUNDLE_NAME,
    flag: "--pod-certificates",
  },
  { group: "", resource: "namespaces", verbs: ["get"], flag: "--proxy-image" },
  {
    group: "admissionregistration.k8s.io",
    resource: "mutatingwebhookconfigurations",
    verbs: ["list", "watch", "patch"],
    name: WEBHOOK_CONFIGURATION,
    flag: WEBHOOK_CONFIGURATION,
  },
  {
    group: "admissionregistration.k8s.io",
    resource: "validatingwebhookconfigurations",
    verbs: ["list", "watch", "patch"],
    name: ADMISSION_CONFIGURATION,
    flag: ADMISSION_CONFIGURATION,
  },
  { group: "", resource: "serviceaccounts", verbs: ["get"], name: PULL_SERVICE_ACCOUNT, flag: PULL_SERVICE_ACCOUNT },
  { group: "", resource: "secrets", verbs: ["create"], own: true, flag: "--key-store=secret" },
  { group: "", resource: "secrets", verbs: ["get"], own: true, name: PRIVATE_KEY_SECRET, flag: "--key-store=secret" },
  {
    group: "",
    resource: "secrets",
    verbs: ["get", "list", "watch", "patch"],
    own: true,
    name: AUTHORITY_SECRET,
    flag: "--key-store=secret",
  },
  { group: "", resource: "configmaps", verbs: ["create"], own: true, flag: "--key-store=secret" },
  { group: "", resource: "configmaps", verbs: ["patch"], own: true, name: BUNDLE_CONFIG_MAP, flag: "--key-store=secret" },
  { group: "coordination.k8s.io", resource: "leases", verbs: ["create"], own: true, flag: LEASE },
  { group: "coordination.k8s.io", resource: "leases", verbs: ["get", "update"], own: true, name: LEASE, flag: LEASE },
];

/** What people need for the fleet's commands. */
export const FLEET_RIGHTS: readonly Right[] = [
  { group: "weir.dev", resource: "wasmfilters", verbs: ["get", "list", "create", "patch", "delete"] },
];
