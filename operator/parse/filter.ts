import { parseDuration } from "../../base/duration.ts";
import type { Digest } from "../../model/digest.ts";
import {
  type ConfigReference,
  type Filter,
  type ModuleSource,
  percentOf,
  ROLLOUT_DEFAULTS,
  type RolloutPolicy,
  whenMissingOf,
} from "../../model/filter.ts";
import { KIND, type WasmFilter, type WasmFilterSpec, type WasmFilterSpecRollout } from "../../model/gen/wasmfilter.ts";
import type { RequestMatch } from "../../model/match.ts";
import { DEFAULT_PROOF, type ProofSettings } from "../../model/proof.ts";
import type { Result } from "../../model/result.ts";
import { askedSettings } from "../../model/settings.ts";
import { checkObject, type KindCheck, parseObject } from "./check.ts";
import { isFields } from "./defaults.ts";
import { matchProblems } from "./match.ts";
import { isNamespace } from "./names.ts";
import { joinPath, type Problem } from "./problem.ts";
import { requestProblems } from "./requests.ts";
import { wasmFilterSchema } from "./schema.ts";
import { toSelector } from "./selector.ts";
import { tagPolicyProblems } from "./tag-policy.ts";
import { toDemand, verifyProblems } from "./verify.ts";

const CHECK: KindCheck = {
  kind: KIND,
  schema: wasmFilterSchema,
  outside: (metadata) => [...namespaceProblems(metadata), ...textProblems(metadata, "labels"), ...textProblems(metadata, "annotations")],
  sound: (spec) => [...matchProblems(spec), ...requestProblems(spec), ...verifyProblems(spec), ...tagPolicyProblems(spec)],
  any: cutVariables,
};

/** Everything that is wrong with a WasmFilter according to the CRD's schema and rules. Empty: the API server would accept it. */
export function problemsOf(raw: unknown): Problem[] {
  return checkObject(raw, CHECK).problems;
}

/**
 * Turns a raw WasmFilter, which may be wrong in any way, into a Filter with defaults filled in and durations in milliseconds. Fails with
 * reason `InvalidSpec` and a message with every problem, its path and what to do. Never throws. The status is ignored.
 */
export function parseFilter(raw: unknown): Result<Filter> {
  return parseObject(raw, CHECK, toFilter);
}

function namespaceProblems(metadata: unknown): Problem[] {
  const { namespace } = isFields(metadata) ? metadata : {};
  if (namespace === undefined || isNamespace(namespace)) return [];
  return [{ path: "metadata.namespace", message: "must be a name of lower-case letters, digits and '-', at most 63 characters" }];
}

/** A module sees variables as WASI has them, ended by a zero byte: https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#environ_get */
function cutVariables(spec: unknown): Problem[] {
  const env = isFields(spec) && Array.isArray(spec.env) ? (spec.env as unknown[]) : [];
  return env.flatMap((variable, index) => {
    const isCut = isFields(variable) && typeof variable.value === "string" && variable.value.includes("\0");
    return isCut
      ? [{ path: `spec.env[${index}].value`, message: "a module would see it up to its NUL character only; take that out" }]
      : [];
  });
}

/** Bytes of all labels, or of all annotations. The API server has this bound for annotations. */
const MAX_TEXTS = 256 * 1024;

function textProblems(metadata: unknown, name: "labels" | "annotations"): Problem[] {
  const given = isFields(metadata) ? (metadata[name] ?? {}) : {};
  if (!isFields(given)) return [{ path: `metadata.${name}`, message: "must be an object of strings" }];
  const bytes = Object.entries(given).reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(String(value)), 0);
  if (bytes > MAX_TEXTS) return [{ path: `metadata.${name}`, message: `must have at most ${MAX_TEXTS} bytes; it has ${bytes}` }];
  const wrong = Object.keys(given).filter((key) => typeof given[key] !== "string" && given[key] !== null);
  return wrong.map((key) => ({ path: joinPath(`metadata.${name}`, key), message: "must be a string; put it in quotes" }));
}

/** An object that passed every check, its defaults in place. */
function toFilter({ metadata, spec }: WasmFilter): Filter {
  return {
    key: { namespace: metadata.namespace ?? "default", name: metadata.name },
    uid: metadata.uid ?? "",
    generation: metadata.generation ?? 0,
    source: toSource(spec),
    pin: spec.digest as Digest | undefined,
    pullPolicy: spec.pullPolicy ?? "IfNotPresent",
    intervalMs: milliseconds(spec.interval),
    pullSecrets: (spec.pullSecrets ?? []).map(({ name }) => name),
    verify: (spec.verify ?? []).map(({ cosign }) => toDemand(cosign)),
    whenUnverified: spec.whenUnverified ?? "Keep",
    proof: toProof(spec),
    settings: askedSettings(spec),
    configFrom: toReference(spec),
    selector: toSelector(spec.selector),
    rollout: toRollout(spec.rollout),
    revisionHistoryLimit: spec.revisionHistoryLimit ?? 10,
    suspend: spec.suspend ?? false,
    whenMissing: whenMissingOf(spec),
  };
}

function toSource({ image, url, sha256 = "", tagPolicy }: WasmFilterSpec): ModuleSource {
  if (url === undefined) {
    const policy = tagPolicy && { tagPolicy: { semver: tagPolicy.semver, prerelease: tagPolicy.prerelease ?? false } };
    return { kind: "image", image: image ?? "", ...policy };
  }
  return { kind: "url", url, sha256: `sha256:${sha256.replace(/^sha256:/, "")}` };
}

function toReference({ configFrom }: WasmFilterSpec): ConfigReference | undefined {
  if (configFrom?.secretKeyRef !== undefined) return { kind: "secret", ...configFrom.secretKeyRef };
  return configFrom?.configMapKeyRef === undefined ? undefined : { kind: "configMap", ...configFrom.configMapKeyRef };
}

function toProof({ preflight }: WasmFilterSpec): ProofSettings {
  return {
    traffic: preflight?.traffic ?? DEFAULT_PROOF.traffic,
    requests: (preflight?.requests ?? []).map(({ method = "GET", path = "/", headers = [], body = "" }) => ({
      method,
      path,
      headers,
      body,
    })),
  };
}

/** Without `steps` there is one wave with every proxy, which is watched then. The other settings have their defaults in that case too. */
function toRollout(given: WasmFilterSpecRollout | undefined): RolloutPolicy {
  const { steps, progressDeadline, autoRollback, analysis } = { ...ROLLOUT_DEFAULTS, ...given };
  return {
    steps: (steps ?? [{ percent: 100 }]).map(({ hold, pause, match }, index, all) => ({
      percent: percentOf(all, index),
      holdMs: milliseconds(hold),
      pause: pause ?? false,
      ...(match === undefined ? {} : { match: match as readonly RequestMatch[] }),
    })),
    isWatched: steps === undefined,
    progressDeadlineMs: milliseconds(progressDeadline),
    autoRollback,
    analysis: { ...ROLLOUT_DEFAULTS.analysis, ...analysis },
  };
}

function milliseconds(duration: string | undefined): number {
  return duration === undefined ? 0 : (parseDuration(duration) ?? 0);
}
