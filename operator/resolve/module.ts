import type { Filter } from "../../model/filter.ts";
import type { Kept, Module, ModuleRegistry, PullOptions } from "../../model/module.ts";
import { ok, type Result } from "../../model/result.ts";
import type { Revision } from "../../model/revision.ts";
import { keptDigest, type LastLook, type Look } from "../filter/look.ts";
import { rememberedDigest } from "../filter/revisions.ts";
import { type CredentialsDeps, pullKeychain } from "./credentials.ts";

export interface ModuleDeps extends CredentialsDeps {
  readonly registry: Pick<ModuleRegistry, "resolve" | "pull" | "pullUrl">;
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
  /** Set where the tag was looked at. */
  readonly look: Look | undefined;
}

/** From the reference in the spec to a digest, and to a module in the store. With IfNotPresent a reference keeps its digest: see `keptDigest`. */
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
  if (source.kind === "url") return found(await registry.pullUrl(source.url, source.sha256, options));
  const { image } = source;
  if (pin !== undefined) {
    const digest = await registry.resolve(image, pin, options);
    return digest.ok ? found(await registry.pull(image, digest.value, options)) : digest;
  }
  const keeps = filter.pullPolicy === "IfNotPresent" && !isAsked;
  const kept = keeps ? keptDigest(image, last, revisions) : undefined;
  if (kept !== undefined) return found(await registry.pull(image, kept, options));
  const looked = await registry.resolve(image, undefined, options);
  // Going back to an image that the history has needs no registry.
  const remembered = looked.ok || !keeps ? undefined : rememberedDigest(revisions, image);
  const digest = remembered === undefined ? looked : ok(remembered);
  return digest.ok ? found(await registry.pull(image, digest.value, options), { image, digest: digest.value }) : digest;
}

function found(module: Result<Module>, look?: Look): Result<Found> {
  return module.ok ? ok({ module: module.value, look }) : module;
}

/** What the filter's own revisions and those of its namespace keep. */
export function keptBy(own: readonly Revision[], ofNamespace: () => Iterable<Revision>): Kept {
  return {
    byFilter: (digest) => own.some((revision) => revision.digest === digest),
    byNamespace: (digest) => Iterator.from(ofNamespace()).some((revision) => revision.digest === digest),
    modules: () => new Set(Iterator.from(ofNamespace()).map(({ wasmDigest }) => wasmDigest)),
  };
}
