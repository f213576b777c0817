// Generated from crds/wasmpolicies.weir.dev.yaml by scripts/generate-crd-types.ts. Do not edit; run: npm run generate

import type { ObjectMeta } from "./wasmfilter.ts";

export const POLICY_KIND = "WasmPolicy";

/** A WasmPolicy says what WasmFilters of some namespaces may be. Every policy that is for a namespace must hold: several add up. */
export interface WasmPolicy {
  /** The version of this API, weir.dev/v1alpha1. */
  readonly apiVersion?: string;
  /** The kind of this object, WasmPolicy. */
  readonly kind?: string;
  readonly metadata: ObjectMeta;
  /** For which namespaces it is, and what their filters may be. What it does not say is allowed. */
  readonly spec: WasmPolicySpec;
  /** How many filters it is for, and which violate it. Written by Weir alone. */
  readonly status?: WasmPolicyStatus;
}

/** For which namespaces it is, and what their filters may be. What it does not say is allowed. */
export interface WasmPolicySpec {
  /**
   * The namespaces that it is for, by their labels. Absent or empty selects them all. Every namespace has the label
   * kubernetes.io/metadata.name, which nobody can change.
   */
  readonly namespaceSelector?: WasmPolicySpecNamespaceSelector;
  /**
   * The repositories that images may come from. An image must match one pattern at least, and what every pattern that it matches demands
   * must hold.
   */
  readonly images?: readonly WasmPolicySpecImage[];
  /** Whether modules may come from plain URLs. Absent: Deny where images is set, since a URL would get around it; else Allow. */
  readonly urls?: "Allow" | "Deny";
  /**
   * The host functions that modules may call, by the names that capabilities of a WasmFilter has. A function that the filter's own
   * capabilities keep from its module does not count. Callbacks, by which the proxy calls the module, are not restricted.
   */
  readonly capabilities?: WasmPolicySpecCapabilities;
  /** The slots that filters may go into. */
  readonly slots?: readonly string[];
  /** The most filters of a namespace in one slot. Those that are in it keep their place, then older ones come first. */
  readonly maxFiltersPerSlot?: number;
  /** The largest module, in bytes: 500000, 512Ki or 2Mi. */
  readonly maxModuleSize?: string;
  /** The most CPU time that loading a module may take on each proxy, as preflight predicts it: 500ms or 2s. */
  readonly maxLoad?: string;
  /** The failure policies that filters may have. */
  readonly failurePolicies?: readonly ("Reload" | "Closed" | "Open")[];
  /**
   * Enforce: what violates the policy does not go out. Audit: it goes out, and its condition, an Event and the policy's status tell of it.
   * Default: "Enforce".
   */
  readonly mode?: "Enforce" | "Audit";
}

/**
 * The namespaces that it is for, by their labels. Absent or empty selects them all. Every namespace has the label
 * kubernetes.io/metadata.name, which nobody can change.
 */
export interface WasmPolicySpecNamespaceSelector {
  /** Labels that a namespace must have, with these values. */
  readonly matchLabels?: Readonly<Record<string, string>>;
  /** Requirements on a namespace's labels. All of them must hold. */
  readonly matchExpressions?: readonly WasmPolicySpecNamespaceSelectorMatchExpression[];
}

/** One requirement on a label. */
export interface WasmPolicySpecNamespaceSelectorMatchExpression {
  /** The label's key. */
  readonly key: string;
  /** How the label is compared with values. */
  readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
  /** Values for In and NotIn; none for Exists and DoesNotExist. */
  readonly values?: readonly string[];
}

/** Repositories that are allowed, and what is demanded of their images. */
export interface WasmPolicySpecImage {
  /**
   * A glob of repositories, written in full with their registry and without a tag: registry.example/filters/*. One star stands for any
   * characters but a slash, two for any. Docker Hub's are docker.io/library/NAME and docker.io/USER/NAME, a folder's oci-layout:DIR.
   */
  readonly pattern: string;
  /** true: the manifest must name a digest, by image@sha256:... or by digest; a tag alone does not do. Absent: false. */
  readonly digestOnly?: boolean;
  /** Signatures that such an image must carry, beside those that its filter asks for. Every entry must hold. */
  readonly verify?: readonly WasmPolicySpecImageVerifyItem[];
}

/** One signature that must be there. */
export interface WasmPolicySpecImageVerifyItem {
  /**
   * A signature as cosign makes them, stored beside the image in its registry: of the image, or with attestation, of a statement about it.
   * It is of who holds a key (publicKey, publicKeySecret, publicKeyConfigMap), or of who has an identity (keyless), by the trust root that
   * Weir was started with.
   */
  readonly cosign: WasmPolicySpecImageVerifyItemCosign;
}

/**
 * A signature as cosign makes them, stored beside the image in its registry: of the image, or with attestation, of a statement about it. It
 * is of who holds a key (publicKey, publicKeySecret, publicKeyConfigMap), or of who has an identity (keyless), by the trust root that Weir
 * was started with.
 */
export interface WasmPolicySpecImageVerifyItemCosign {
  /** The public key in PEM form. */
  readonly publicKey?: string;
  /** The Secret of Weir's own namespace that holds the public key in PEM form. Images are judged again when it changes. */
  readonly publicKeySecret?: WasmPolicySpecImageVerifyItemCosignPublicKeySecret;
  /** The ConfigMap of Weir's own namespace that holds the public key in PEM form. Images are judged again when it changes. */
  readonly publicKeyConfigMap?: WasmPolicySpecImageVerifyItemCosignPublicKeyConfigMap;
  /**
   * Who signed, as a certificate of Fulcio names them. A transparency log (Rekor) or a timestamp authority must say that they signed while
   * the certificate was valid.
   */
  readonly keyless?: WasmPolicySpecImageVerifyItemCosignKeyless;
  /** The signature is of an in-toto statement about the image, as cosign attest makes them, rather than of the image. */
  readonly attestation?: WasmPolicySpecImageVerifyItemCosignAttestation;
}

/** The Secret of Weir's own namespace that holds the public key in PEM form. Images are judged again when it changes. */
export interface WasmPolicySpecImageVerifyItemCosignPublicKeySecret {
  /** Name of the Secret. */
  readonly name: string;
  /** Key inside the Secret, e.g. cosign.pub. */
  readonly key: string;
}

/** The ConfigMap of Weir's own namespace that holds the public key in PEM form. Images are judged again when it changes. */
export interface WasmPolicySpecImageVerifyItemCosignPublicKeyConfigMap {
  /** Name of the ConfigMap. */
  readonly name: string;
  /** Key inside the ConfigMap, e.g. cosign.pub. */
  readonly key: string;
}

/**
 * Who signed, as a certificate of Fulcio names them. A transparency log (Rekor) or a timestamp authority must say that they signed while
 * the certificate was valid.
 */
export interface WasmPolicySpecImageVerifyItemCosignKeyless {
  /** The OpenID Connect issuer, e.g. https://token.actions.githubusercontent.com. */
  readonly issuer?: string;
  /** A regular expression (RE2) that covers the whole issuer. */
  readonly issuerRegExp?: string;
  /** The email address or URI of who signs. */
  readonly identity?: string;
  /** A regular expression (RE2) that covers the whole email address or URI. */
  readonly identityRegExp?: string;
}

/** The signature is of an in-toto statement about the image, as cosign attest makes them, rather than of the image. */
export interface WasmPolicySpecImageVerifyItemCosignAttestation {
  /** What the statement says, by its URI, e.g. https://slsa.dev/provenance/v1, https://spdx.dev/Document or https://cyclonedx.org/bom. */
  readonly predicateType: string;
  /** The id of the builder that a SLSA provenance must name. */
  readonly builder?: string;
  /** The repository that a SLSA provenance must name as what was built, e.g. https://github.com/me/filters. */
  readonly source?: string;
}

/**
 * The host functions that modules may call, by the names that capabilities of a WasmFilter has. A function that the filter's own
 * capabilities keep from its module does not count. Callbacks, by which the proxy calls the module, are not restricted.
 */
export interface WasmPolicySpecCapabilities {
  /**
   * The only host functions that a module may have. Functions of WASI, which reach nothing outside the module's own sandbox, need not be
   * named.
   */
  readonly allow?: readonly string[];
  /** Host functions that no module may have, e.g. proxy_http_call or proxy_call_foreign_function. */
  readonly deny?: readonly string[];
}

/** How many filters it is for, and which violate it. Written by Weir alone. */
export interface WasmPolicyStatus {
  /** The metadata.generation that this status describes. */
  readonly observedGeneration?: number;
  /** WasmFilters of the namespaces that it is for. */
  readonly filters?: number;
  /** Those of them that violate it. One that is not resolved yet is judged by its spec alone. */
  readonly violating?: number;
  /** The first 10 of them, by namespace and name. */
  readonly violations?: readonly WasmPolicyStatusViolation[];
  /** Accepted: whether Weir can read it. Satisfied: whether every filter that it is for holds to it. */
  readonly conditions?: readonly WasmPolicyStatusCondition[];
}

/** One filter that violates it. */
export interface WasmPolicyStatusViolation {
  /** The filter's namespace. */
  readonly namespace: string;
  /** The filter's name. */
  readonly name: string;
  /** What violates which rule. */
  readonly message: string;
}

/** One condition. */
export interface WasmPolicyStatusCondition {
  /** The condition's name. */
  readonly type: string;
  /** Whether it holds. */
  readonly status: "True" | "False" | "Unknown";
  /** A word for why. */
  readonly reason: string;
  /** Why, for people. */
  readonly message: string;
  /** The metadata.generation that the condition describes. */
  readonly observedGeneration?: number;
  /** When status last changed. */
  readonly lastTransitionTime: string;
}
