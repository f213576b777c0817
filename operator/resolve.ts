import type { Digest } from "../model/digest.ts";
import type { Filter } from "../model/filter.ts";
import type { Keychain, Module, ModuleRegistry } from "../model/module.ts";
import { type Failure, fail, ok, type Result } from "../model/result.ts";
import type { Revision } from "../model/revision.ts";
import type { Measurements, Preflight } from "../model/verdict.ts";
import { findRevision, type RevisionContent, rememberedDigest } from "./revisions.ts";
import type { Source } from "./source/source.ts";

/** What resolving reads from the world. */
export interface ResolveDeps {
  readonly source: Pick<Source, "secret" | "configMap">;
  readonly registry: ModuleRegistry;
  readonly preflight: Preflight;
  /** Reads a `.dockerconfigjson`. */
  readonly parseKeychain: (dockerConfigJson: string) => Result<Keychain>;
}

/** The step at which resolving stopped: the condition that is then False. */
export type Stage = "Accepted" | "Resolved" | "Verified" | "Validated";

export interface Resolved {
  readonly content: RevisionContent;
  readonly module: Module;
  /** `undefined` for a content that a kept revision has already: it was measured when that revision was made. */
  readonly measurements: Measurements | undefined;
}

export type Resolution =
  | { readonly ok: true; readonly value: Resolved }
  | { readonly ok: false; readonly stage: Stage; readonly error: Failure };

/**
 * From a parsed filter to the content of a revision: configuration, digest, module, proof. Fetches nothing that the store or the history
 * has: rolling back needs no network and no compile.
 */
export async function resolveFilter(
  filter: Filter,
  revisions: readonly Revision[],
  deps: ResolveDeps,
  signal: AbortSignal,
): Promise<Resolution> {
  const config = await configText(filter, deps.source);
  if (!config.ok) return { ok: false, stage: "Accepted", error: config.error };
  const keychain = await pullKeychain(filter, deps);
  if (!keychain.ok) return { ok: false, stage: "Resolved", error: keychain.error };
  const module = await pullModule(filter, revisions, deps.registry, keychain.value, signal);
  if (!module.ok) return { ok: false, stage: "Resolved", error: module.error };
  if (filter.verify.length > 0) return { ok: false, stage: "Verified", error: unverifiable(filter) };
  const { digest, wasmDigest } = module.value;
  const settings = { ...filter.settings, config: config.value };
  const secretConfig = secretKeyOf(filter);
  const image = referenceOf(filter, digest);
  const known = findRevision(filter.key, revisions, { digest, wasmDigest, settings, ...secretConfig });
  if (known !== undefined) {
    const content = { image, digest, wasmDigest, settings, capabilities: known.capabilities, ...secretConfig };
    return ok({ content, module: module.value, measurements: undefined });
  }
  const code = await deps.registry.read(wasmDigest);
  if (code === undefined) return { ok: false, stage: "Resolved", error: { ...damaged(wasmDigest), retryable: true } };
  const verdict = await deps.preflight.validate(code, settings, signal, filter.configFrom?.kind === "secret");
  if (!verdict.ok) return { ok: false, stage: "Validated", error: about(exactly(image, digest), verdict.error) };
  const capabilities = settings.capabilities ?? [...verdict.value.imports, ...verdict.value.exports];
  return ok({
    content: { image, digest, wasmDigest, settings, capabilities, ...secretConfig },
    module: module.value,
    measurements: verdict.value,
  });
}

function secretKeyOf({ configFrom }: Filter): Pick<Revision, "secretConfig"> {
  return configFrom?.kind === "secret" ? { secretConfig: { name: configFrom.name, key: configFrom.key } } : {};
}

/** The reference to keep in the record: as the manifest wrote it, with the pin where one decided. */
function referenceOf(filter: Filter, digest: Digest): string {
  if (filter.source.kind === "url") return filter.source.url;
  return filter.pin === undefined ? filter.source.image : `${filter.source.image.replace(/@sha256:.*$/, "")}@${digest}`;
}

/** The failure with what it is about in front. */
function about(what: string, error: Failure): Failure {
  return { ...error, message: `${what}: ${error.message}` };
}

/** A reference with the digest that a tag stood for: what a person can look at even when the tag has moved on. */
function exactly(image: string, digest: Digest): string {
  return image.includes("@") || /^https?:\/\//.test(image) ? image : `${image}@${digest}`;
}

function damaged(wasmDigest: Digest): Omit<Failure, "retryable"> {
  return { reason: "ModuleDamaged", message: `the stored module ${wasmDigest} no longer has its digest; it is fetched again` };
}

/** A demanded signature that cannot be checked refuses the image: trust is never assumed. */
function unverifiable(filter: Filter): Failure {
  return {
    reason: "VerificationUnavailable",
    message: `spec.verify asks for ${filter.verify.length} signature(s), which this version of Weir cannot check; remove spec.verify, or pin the image with spec.digest`,
    retryable: false,
  };
}

async function configText(filter: Filter, source: ResolveDeps["source"]): Promise<Result<string>> {
  const { configFrom, settings, key } = filter;
  if (configFrom === undefined) return ok(settings.config);
  const isSecret = configFrom.kind === "secret";
  const kind = isSecret ? "Secret" : "ConfigMap";
  const data = isSecret ? await source.secret(key.namespace, configFrom.name) : await source.configMap(key.namespace, configFrom.name);
  if (!data.ok) return { ok: false, error: about("spec.configFrom", data.error) };
  const value = data.value.get(configFrom.key);
  if (value !== undefined) return ok(value.toString("utf8"));
  const keys = [...data.value.keys()].sort().join(", ") || "none";
  return fail(
    `${kind}KeyNotFound`,
    `spec.configFrom: ${kind} ${key.namespace}/${configFrom.name} has no key "${configFrom.key}" (it has: ${keys}); add it or name one of those`,
  );
}

/** The credentials of spec.pullSecrets; where two name a registry, the first counts. */
export async function pullKeychain(filter: Filter, deps: Pick<ResolveDeps, "source" | "parseKeychain">): Promise<Result<Keychain>> {
  const all = new Map<string, { username: string; password: string }>();
  for (const name of filter.pullSecrets) {
    const secret = await deps.source.secret(filter.key.namespace, name);
    if (!secret.ok) return { ok: false, error: about("spec.pullSecrets", secret.error) };
    const json = secret.value.get(".dockerconfigjson");
    if (json === undefined) {
      return fail(
        "PullSecretInvalid",
        `spec.pullSecrets: Secret ${filter.key.namespace}/${name} is not of type kubernetes.io/dockerconfigjson; make one with kubectl create secret docker-registry`,
      );
    }
    const keychain = deps.parseKeychain(json.toString("utf8"));
    if (!keychain.ok)
      return fail("PullSecretInvalid", `spec.pullSecrets: Secret ${filter.key.namespace}/${name}: ${keychain.error.message}`);
    for (const [host, credentials] of keychain.value) if (!all.has(host)) all.set(host, credentials);
  }
  return ok(all);
}

async function pullModule(
  filter: Filter,
  revisions: readonly Revision[],
  registry: ModuleRegistry,
  keychain: Keychain,
  signal: AbortSignal,
): Promise<Result<Module>> {
  const { source, pin } = filter;
  const options = { keychain, signal };
  if (source.kind === "url") return registry.pullUrl(source.url, source.sha256, options);
  const remembered = pin === undefined && filter.pullPolicy === "IfNotPresent" ? rememberedDigest(revisions, source.image) : undefined;
  if (remembered !== undefined) return registry.pull(source.image, remembered, options);
  const digest = await registry.resolve(source.image, pin, options);
  return digest.ok ? registry.pull(source.image, digest.value, options) : digest;
}
