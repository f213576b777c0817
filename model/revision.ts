import type { Digest } from "./digest.ts";
import type { PluginSettings } from "./settings.ts";
import type { ProofProblem } from "./verdict.ts";
import type { Verdict } from "./verify.ts";

/** Names a key of a Secret. */
export interface SecretKey {
  readonly name: string;
  readonly key: string;
  /** Which state of the Secret the text was read from, where the source tells: equal versions have equal data. Says nothing about the data. */
  readonly version?: string;
}

/** Who made a spec, and why. */
export interface Author {
  /** The `metadata.generation` of the spec; `undefined`: the source has none. */
  readonly generation?: number | undefined;
  /** What wrote the spec, by its field manager: `kubectl-client-side-apply`, `argocd-controller`. */
  readonly manager?: string | undefined;
  /** The annotation `weir.dev/change-cause` as it was then. */
  readonly cause?: string | undefined;
}

/** True where the spec was not changed, but what it stands for was: a tag, a text that it names. */
export function isByItself({ generation, manager, cause }: Author): boolean {
  return generation !== undefined && manager === undefined && cause === undefined;
}

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
  readonly secretConfig?: SecretKey;
  /** Milliseconds of CPU that each proxy spends on loading the module, as the proof measured it. */
  readonly loadMs?: number;
  /** By which settings the module was proved (`proofId`), where the spec asked for other than the default ones. */
  readonly proof?: string;
  /** What the proof found and let through. */
  readonly told?: ProofProblem;
  /** Of signatures that were found to hold: what is known to hold needs no registry. Verdicts are added as other signatures are demanded. */
  readonly verified?: readonly Verdict[];
  /** The revision's identity (operator/filter/revision-identity.ts). The versions that proxies hold are made from it. */
  readonly hash: string;
  /** RFC 3339. */
  readonly time: string;
  /** Who made the spec that led to it. Without a manager and a cause: the spec was not changed, but what it stands for was. Earlier versions kept none. */
  readonly author?: Author;
}

export type RevisionResult = "Progressing" | "Succeeded" | "RolledBack" | "Rejected" | "Superseded";

/** True for a result of a revision, or a phase of its rollout, that says: it went out and was taken back. */
export function isTakenBack(result: string | undefined): result is "RolledBack" | "Rejected" {
  return result === "RolledBack" || result === "Rejected";
}

/** The revision without a text that came from a Secret: what may be stored or shown. */
export function withoutSecretText(revision: Revision): Revision {
  return revision.secretConfig === undefined
    ? revision
    : { ...revision, settings: { ...revision.settings, config: "", configBytes: undefined } };
}
