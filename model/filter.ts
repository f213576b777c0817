import type { Digest } from "./digest.ts";
import type { WasmFilterSpec, WasmFilterSpecRolloutStep } from "./gen/wasmfilter.ts";
import type { RequestMatch } from "./match.ts";
import type { ProofSettings } from "./proof.ts";
import type { PluginSettings } from "./settings.ts";
import type { SignatureDemand } from "./verify.ts";

/** Names a WasmFilter. */
export interface FilterKey {
  readonly namespace: string;
  readonly name: string;
}

/** `namespace/name`: the filter's name in maps, in messages and as the plugin's name inside Envoy. */
export function filterId(key: FilterKey): string {
  return `${key.namespace}/${key.name}`;
}

export function isSameFilter(a: FilterKey, b: FilterKey): boolean {
  return a.name === b.name && a.namespace === b.namespace;
}

/** The name of the plugin that a new revision has beside the stable one, in a dark step: `namespace/name@revision`. `id`: see `filterId`. */
export function darkPlugin(id: string, revision: number): string {
  return `${id}@${revision}`;
}

export type PullPolicy = "IfNotPresent" | "Always";

/** Which tag of a repository is meant: the highest version that fits. */
export interface TagPolicy {
  /** A range of versions: operator/filter/version-range.ts says which. */
  readonly semver: string;
  /** Versions such as 1.3.0-rc.1 count too. */
  readonly prerelease: boolean;
}

export interface ImageSource {
  readonly kind: "image";
  /** An OCI reference. With a tag policy it has neither tag nor digest. */
  readonly image: string;
  readonly tagPolicy?: TagPolicy;
}

/** Where the module comes from: an OCI image, or a plain HTTP(S) URL with the sha256 of what it must return. */
export type ModuleSource = ImageSource | { readonly kind: "url"; readonly url: string; readonly sha256: Digest };

/** Where the configuration text is, if not in the spec: a key of a Secret or ConfigMap in the filter's namespace. */
export interface ConfigReference {
  readonly kind: "secret" | "configMap";
  readonly name: string;
  readonly key: string;
}

export interface LabelRequirement {
  readonly key: string;
  readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
  readonly values: readonly string[];
}

/** A Kubernetes label selector. Empty selects everything. https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/ */
export interface LabelSelector {
  readonly matchLabels: Readonly<Record<string, string>>;
  readonly matchExpressions: readonly LabelRequirement[];
}

export interface RolloutStep {
  /** Share of the matched proxies, 1 to 100, rising from step to step. */
  readonly percent: number;
  /** Milliseconds to hold after every proxy of this wave acknowledged, before the next step. */
  readonly holdMs: number;
  /** True: wait for a person's `weir rollout promote` instead of a time. */
  readonly pause?: boolean;
  /** Set in a dark step: on these proxies only requests that are of one of these kinds see the new revision. */
  readonly match?: readonly RequestMatch[];
}

/** Thresholds that a wave is judged by against the proxies still on stable. */
export interface Analysis {
  /** Requests the wave must have served before it is judged. */
  readonly minRequests: number;
  /** Rise of the 5xx share, in percentage points, that fails the wave. */
  readonly max5xxRisePercent: number;
  /** Rise of the mean latency, as a ratio to stable, that fails the wave. */
  readonly maxLatencyRatio: number;
}

export interface RolloutPolicy {
  readonly steps: readonly RolloutStep[];
  /** The spec names no steps: a revision goes to everyone at once and is watched for a while then. */
  readonly isWatched: boolean;
  readonly progressDeadlineMs: number;
  readonly autoRollback: boolean;
  readonly analysis: Analysis;
}

/** What `spec.rollout` means where it does not say. The CRD has no defaults there: crds/wasmfilters.weir.dev.yaml says why. */
export const ROLLOUT_DEFAULTS = {
  progressDeadline: "10m",
  autoRollback: true,
  analysis: { minRequests: 50, max5xxRisePercent: 5, maxLatencyRatio: 3 },
} as const satisfies { readonly analysis: Analysis; readonly [name: string]: unknown };

/** A WasmFilter after parsing: defaults filled in, durations in milliseconds, every field checked. */
export interface Filter {
  readonly key: FilterKey;
  /** Kubernetes uid; in a manifest folder, the filter's id. Changes when the object is deleted and made again. */
  readonly uid: string;
  readonly generation: number;
  readonly source: ModuleSource;
  /** `spec.digest`: wins over the tag. */
  readonly pin: Digest | undefined;
  readonly pullPolicy: PullPolicy;
  readonly intervalMs: number;
  readonly pullSecrets: readonly string[];
  readonly verify: readonly SignatureDemand[];
  readonly whenUnverified: WhenUnverified;
  readonly proof: ProofSettings;
  /** What reaches the proxy. If `configFrom` is set, `settings.config` is empty until the text is read. */
  readonly settings: PluginSettings;
  /** `undefined`: the spec has the text, or there is none. */
  readonly configFrom: ConfigReference | undefined;
  readonly selector: LabelSelector;
  readonly rollout: RolloutPolicy;
  readonly revisionHistoryLimit: number;
  readonly suspend: boolean;
  /** What a proxy does with requests while it never loaded the filter. No part of a revision. */
  readonly whenMissing: WhenMissing;
}

/** Where a step of a spec ends, in percent. A dark step that does not say it ends where the next does. */
export function percentOf(steps: readonly WasmFilterSpecRolloutStep[], index: number): number {
  return steps.slice(index).find(({ percent }) => percent !== undefined)?.percent ?? 100;
}

/** What becomes of a revision that runs and no longer has the signatures that are asked for. */
export type WhenUnverified = "Keep" | "RollBack";

/** Ends of the waves in percent, rising; one wave of everyone where the spec names no steps. */
export function wavePercents({ rollout }: Pick<WasmFilterSpec, "rollout">): readonly number[] {
  const steps = rollout?.steps ?? [];
  return steps.length === 0 ? [100] : steps.map((_, index) => percentOf(steps, index));
}

export type WhenMissing = "Open" | "Closed";

/** What a spec asks for, its default filled in. */
export function whenMissingOf({ whenMissing, failurePolicy }: Pick<WasmFilterSpec, "whenMissing" | "failurePolicy">): WhenMissing {
  return whenMissing ?? (failurePolicy === "Closed" ? "Closed" : "Open");
}
