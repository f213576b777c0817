import type { Digest } from "./digest.ts";
import type { FailurePolicy, FilterType } from "./filter.ts";

/** Everything that reaches the proxy besides the module: with the module's digest it is what a revision pins. */
export interface PluginSettings {
  readonly type: FilterType;
  readonly slot: string;
  readonly priority: number;
  /** The configuration text the plugin receives. Kept out of the record when it comes from a Secret. */
  readonly config: string;
  readonly rootId: string;
  readonly failurePolicy: FailurePolicy;
  readonly env: readonly { readonly name: string; readonly value: string }[];
  /** Function names the plugin may call or be called by; `undefined` = no restriction was asked: exactly what it imports. */
  readonly capabilities: readonly string[] | undefined;
}

/** Settings where the spec asks for nothing: the CRD's defaults. */
export const DEFAULT_SETTINGS: PluginSettings = {
  type: "HTTP",
  slot: "default",
  priority: 0,
  config: "",
  rootId: "",
  failurePolicy: "Reload",
  env: [],
  capabilities: undefined,
};

/** An immutable record of what a filter is at one point of its history. */
export interface Revision {
  /** 1, 2, 3, ... in the order of first appearance. A revision is never renumbered. */
  readonly number: number;
  /** The reference as the manifest wrote it when the revision was made (an image, or a URL). */
  readonly image: string;
  readonly digest: Digest;
  readonly wasmDigest: Digest;
  readonly settings: PluginSettings;
  /** Function names the plugin may call or be called by: what the settings say, or what the module imports and exports. */
  readonly capabilities: readonly string[];
  /** Set when `settings.config` comes from a Secret: the text itself is then never written anywhere. */
  readonly secretConfig?: { readonly name: string; readonly key: string };
  /** Hash over digest, wasmDigest and settings: the revision's identity. */
  readonly hash: string;
  /** RFC 3339. */
  readonly time: string;
}

export type RevisionResult = "Progressing" | "Succeeded" | "RolledBack" | "Rejected" | "Superseded";
