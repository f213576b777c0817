import type { CarriedSchema } from "../../model/config-schema.ts";
import type { Digest } from "../../model/digest.ts";
import type { Filter, ImageSource } from "../../model/filter.ts";
import type { Kept, Module, ModuleRegistry, PullOptions } from "../../model/module.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import type { Revision } from "../../model/revision.ts";
import { type Choice, keptChoice, type LastLook, type Look, rememberedChoice } from "../filter/look.ts";
import { highestTag, taggedImage } from "../filter/version-range.ts";
import type { Permits } from "../policy/permits.ts";
import { type CredentialsDeps, pullKeychain } from "./credentials.ts";

export interface ModuleDeps extends CredentialsDeps {
  readonly registry: Pick<ModuleRegistry, "resolve" | "tags" | "pull" | "pullUrl" | "configSchema" | "repositoryOf">;
  readonly permits: Pick<Permits, "rulesOf">;
  /** The recorded revisions of all filters of a namespace. */
  readonly revisionsOf: (namespace: string) => Iterable<Revision>;
}

/** What is known of the reference, and whether somebody asks to look at it whatever the pullPolicy. */
export interface Asking {
  readonly last: LastLook;
  readonly isAsked: boolean;
}

export interface Found {
  readonly module: Module;
  /** The reference to keep in the record: as the manifest wrote it, with the tag that a policy chose, or with the pin where one decided. */
  readonly image: string;
  /** Set where the tag was looked at. */
  readonly look: Look | undefined;
  /** What the image says of configurations; `undefined`: nothing. */
  configSchema(): Promise<Result<CarriedSchema | undefined>>;
}

/** What a reference stands for, and what is asked of its image. */
export interface Chosen {
  readonly choice: Choice;
  readonly look: Look | undefined;
  readonly options: PullOptions;
}

/** From the reference in the spec to a digest, and to a module in the store. With IfNotPresent a reference keeps its digest: see `keptChoice`. */
export async function resolveModule(
  filter: Filter,
  revisions: readonly Revision[],
  asking: Asking,
  deps: ModuleDeps,
  signal: AbortSignal,
): Promise<Result<Found>> {
  const { registry } = deps;
  const { source } = filter;
  if (source.kind === "url") {
    const options = await pullOptions(filter, revisions, deps, signal);
    if (!options.ok) return options;
    const module = await registry.pullUrl(source.url, source.sha256, options.value);
    return module.ok ? ok({ module: module.value, image: source.url, look: undefined, configSchema: async () => ok(undefined) }) : module;
  }
  const chosen = await chooseImage(source, filter, revisions, asking, deps, signal);
  if (!chosen.ok) return chosen;
  const { choice, look, options } = chosen.value;
  const { image, digest } = choice;
  const module = await registry.pull(image, digest, options);
  const configSchema = () => registry.configSchema(image, digest, options);
  return module.ok ? ok({ module: module.value, image, look, configSchema }) : module;
}

/** From the reference in the spec to a digest. With IfNotPresent a reference keeps its digest: see `keptChoice`. */
export async function chooseImage(
  source: ImageSource,
  filter: Filter,
  revisions: readonly Revision[],
  { last, isAsked }: Asking,
  deps: ModuleDeps,
  signal: AbortSignal,
): Promise<Result<Chosen>> {
  const { registry } = deps;
  const asked = await pullOptions(filter, revisions, deps, signal);
  if (!asked.ok) return asked;
  const options = asked.value;
  const { pin } = filter;
  if (pin !== undefined) {
    const digest = await registry.resolve(source.image, pin, options);
    return digest.ok
      ? ok({ choice: { image: pinned(source.image, digest.value), digest: digest.value }, look: undefined, options })
      : digest;
  }
  const keeps = filter.pullPolicy === "IfNotPresent" && !isAsked;
  const kept = keeps ? keptChoice(source, last, revisions) : undefined;
  if (kept !== undefined) return ok({ choice: kept, look: undefined, options });
  const looked = await lookAt(source, registry, options);
  if (looked.ok) {
    const { tag, digest } = looked.value;
    return ok({ choice: { image: taggedImage(source.image, tag), digest }, look: looked.value, options });
  }
  // Going back to an image that the history has needs no registry.
  const remembered = keeps ? rememberedChoice(source, revisions) : undefined;
  return remembered === undefined ? looked : ok({ choice: remembered, look: lookOf(source, remembered), options });
}

async function pullOptions(
  filter: Filter,
  revisions: readonly Revision[],
  deps: ModuleDeps,
  signal: AbortSignal,
): Promise<Result<PullOptions>> {
  const keychain = await pullKeychain(filter, deps);
  if (!keychain.ok) return keychain;
  const { namespace } = filter.key;
  const counts = countsFor(filter, deps);
  return ok({ keychain: keychain.value, namespace, kept: keptBy(revisions, () => deps.revisionsOf(namespace), counts), signal });
}

/** Asks the registry what the reference stands for. */
async function lookAt(source: ImageSource, registry: ModuleDeps["registry"], options: PullOptions): Promise<Result<Look>> {
  const { image, tagPolicy } = source;
  if (tagPolicy === undefined) {
    const digest = await registry.resolve(image, undefined, options);
    return digest.ok ? ok({ image, digest: digest.value }) : digest;
  }
  const tags = await registry.tags(image, options);
  if (!tags.ok) return tags;
  const tag = highestTag(tags.value, tagPolicy);
  if (tag === undefined) {
    const others = tagPolicy.prerelease ? "" : ", pre-releases left out";
    const message = `${image} has no tag in the range ${tagPolicy.semver}${others} (of ${tags.value.length}); push one, or correct spec.tagPolicy`;
    return fail("TagNotFound", message);
  }
  const digest = await registry.resolve(taggedImage(image, tag), undefined, options);
  return digest.ok ? ok({ image, digest: digest.value, tagPolicy, tag }) : digest;
}

/** The same for what the history remembers. */
function lookOf({ image, tagPolicy }: ImageSource, remembered: Choice): Look {
  const tag = remembered.image.slice(image.length + 1);
  return { image, digest: remembered.digest, ...(tagPolicy === undefined ? {} : { tagPolicy, tag }) };
}

function pinned(image: string, digest: Digest): string {
  return `${image.replace(/@sha256:.*$/, "")}@${digest}`;
}

/**
 * Whether a revision may stand in for the registry. Where a policy says where images come from, only one of the same repository may: what came from another would
 * get around it by its digest, beside the name of a repository that never had it.
 */
function countsFor({ source, key }: Filter, { registry, permits }: ModuleDeps): (revision: Revision) => boolean {
  if (source.kind === "url" || !permits.rulesOf(key.namespace).policies.some(({ images }) => images !== undefined)) return () => true;
  const repository = registry.repositoryOf(source.image);
  return ({ image }) => registry.repositoryOf(image) === repository;
}

function keptBy(own: readonly Revision[], ofNamespace: () => Iterable<Revision>, counts: (revision: Revision) => boolean): Kept {
  const ownWith = (digest: Digest) => own.find((revision) => revision.digest === digest && counts(revision));
  return {
    byFilter: (digest) => ownWith(digest) !== undefined,
    moduleOf: (digest) => ownWith(digest)?.wasmDigest,
    byNamespace: (digest) => Iterator.from(ofNamespace()).some((revision) => revision.digest === digest && counts(revision)),
    modules: () => new Set(Iterator.from(ofNamespace()).map(({ wasmDigest }) => wasmDigest)),
  };
}
