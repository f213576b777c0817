import type { Digest } from "../../model/digest.ts";
import type { Filter, ImageSource } from "../../model/filter.ts";
import type { Kept, Module, ModuleRegistry, PullOptions } from "../../model/module.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import type { Revision } from "../../model/revision.ts";
import { type Choice, keptChoice, type LastLook, type Look, rememberedChoice } from "../filter/look.ts";
import { highestTag, taggedImage } from "../filter/version-range.ts";
import { type CredentialsDeps, pullKeychain } from "./credentials.ts";

export interface ModuleDeps extends CredentialsDeps {
  readonly registry: Pick<ModuleRegistry, "resolve" | "tags" | "pull" | "pullUrl">;
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
}

/** From the reference in the spec to a digest, and to a module in the store. With IfNotPresent a reference keeps its digest: see `keptChoice`. */
export async function resolveModule(
  filter: Filter,
  revisions: readonly Revision[],
  { last, isAsked }: Asking,
  deps: ModuleDeps,
  signal: AbortSignal,
): Promise<Result<Found>> {
  const { registry } = deps;
  const keychain = await pullKeychain(filter, deps);
  if (!keychain.ok) return keychain;
  const { namespace } = filter.key;
  const options: PullOptions = { keychain: keychain.value, namespace, kept: keptBy(revisions, () => deps.revisionsOf(namespace)), signal };
  const { source, pin } = filter;
  if (source.kind === "url") return found(source.url, await registry.pullUrl(source.url, source.sha256, options));
  const pull = async (choice: Choice, look?: Look) => found(choice.image, await registry.pull(choice.image, choice.digest, options), look);
  if (pin !== undefined) {
    const digest = await registry.resolve(source.image, pin, options);
    return digest.ok ? pull({ image: pinned(source.image, digest.value), digest: digest.value }) : digest;
  }
  const keeps = filter.pullPolicy === "IfNotPresent" && !isAsked;
  const kept = keeps ? keptChoice(source, last, revisions) : undefined;
  if (kept !== undefined) return pull(kept);
  const looked = await lookAt(source, registry, options);
  if (looked.ok) return pull({ image: taggedImage(source.image, looked.value.tag), digest: looked.value.digest }, looked.value);
  // Going back to an image that the history has needs no registry.
  const remembered = keeps ? rememberedChoice(source, revisions) : undefined;
  return remembered === undefined ? looked : pull(remembered, lookOf(source, remembered));
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

function found(image: string, module: Result<Module>, look?: Look): Result<Found> {
  return module.ok ? ok({ module: module.value, image, look }) : module;
}

/** What the filter's own revisions and those of its namespace keep. */
export function keptBy(own: readonly Revision[], ofNamespace: () => Iterable<Revision>): Kept {
  return {
    byFilter: (digest) => own.some((revision) => revision.digest === digest),
    moduleOf: (digest) => own.find((revision) => revision.digest === digest)?.wasmDigest,
    byNamespace: (digest) => Iterator.from(ofNamespace()).some((revision) => revision.digest === digest),
    modules: () => new Set(Iterator.from(ofNamespace()).map(({ wasmDigest }) => wasmDigest)),
  };
}
