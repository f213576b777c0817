import type { LabelSelector } from "./filter.ts";
import type { FailurePolicy } from "./settings.ts";
import type { SignatureDemand } from "./verify.ts";

export type PolicyMode = "Enforce" | "Audit";

/** Repositories that images may come from, and what is demanded of those. */
export interface ImageRule {
  /** A glob of repositories in full (base/glob.ts). */
  readonly pattern: string;
  readonly digestOnly: boolean;
  /** Signatures that such an image must carry. */
  readonly verify: readonly SignatureDemand[];
}

/** A signature that a policy demands of an image. */
export interface PolicyDemand {
  readonly policy: string;
  /** Where in it, for messages: `images[0].verify[1]`. */
  readonly place: string;
  readonly demand: SignatureDemand;
}

export interface CapabilityRule {
  /** `undefined`: any that is not denied. */
  readonly allow: readonly string[] | undefined;
  readonly deny: readonly string[];
}

/** A WasmPolicy after parsing: durations in milliseconds, sizes in bytes. A rule that is `undefined` asks for nothing. */
export interface Policy {
  readonly name: string;
  readonly namespaces: LabelSelector;
  readonly mode: PolicyMode;
  readonly images: readonly ImageRule[] | undefined;
  readonly urls: "Allow" | "Deny";
  readonly capabilities: CapabilityRule | undefined;
  readonly slots: readonly string[] | undefined;
  readonly maxFiltersPerSlot: number | undefined;
  readonly maxModuleSize: number | undefined;
  readonly maxLoadMs: number | undefined;
  readonly failurePolicies: readonly FailurePolicy[] | undefined;
}

/** The rules of a policy, by the fields of its spec. */
export type PolicyRule =
  | "images"
  | "images.verify"
  | "urls"
  | "capabilities.allow"
  | "capabilities.deny"
  | "slots"
  | "maxFiltersPerSlot"
  | "maxModuleSize"
  | "maxLoad"
  | "failurePolicies";

/** What one filter does against one rule of one policy. */
export interface Violation {
  readonly policy: string;
  readonly mode: PolicyMode;
  readonly rule: PolicyRule;
  /** The field of the filter that is at fault, as kubectl writes it: `spec.image`. */
  readonly field: string;
  /** What is wrong, and what to do. */
  readonly message: string;
}

/** The namespace's label that nobody can change. https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-metadata-name */
export const NAMESPACE_NAME_LABEL = "kubernetes.io/metadata.name";
