import type { Filter } from "../../model/filter.ts";
import type { Kept, Module, ModuleRegistry, PullOptions } from "../../model/module.ts";
import type { Result } from "../../model/result.ts";
import type { Revision } from "../../model/revision.ts";
import { rememberedDigest } from "../filter/revisions.ts";
import { type CredentialsDeps, pullKeychain } from "./credentials.ts";

export interface ModuleDeps extends CredentialsDeps {
  readonly registry: Pick<ModuleRegistry, "resolve" | "pull" | "pullUrl">;
  /** The recorded revisions of all filters of a namespace. */
  readonly revisionsOf: (namespace: string) => Iterable<Revision>;
}

/** From the reference in the spec to a digest, and to a module in the store. A digest that the history has is not asked for again (IfNotPresent). */
export async function resolveModule(
  filter: Filter,
  revisions: readonly Revision[],
  deps: ModuleDeps,
  signal: AbortSignal,
): Promise<Result<Module>> {
  const { registry } = deps;
  const keychain = await pullKeychain(filter, deps);
  if (!keychain.ok) return keychain;
  const { namespace } = filter.key;
  const kept = keptBy(revisions, () => deps.revisionsOf(namespace));
  const options: PullOptions = { keychain: keychain.value, namespace, kept, signal };
  const { source, pin } = filter;
  if (source.kind === "url") return registry.pullUrl(source.url, source.sha256, options);
  const remembered = pin === undefined && filter.pullPolicy === "IfNotPresent" ? rememberedDigest(revisions, source.image) : undefined;
  if (remembered !== undefined) return registry.pull(source.image, remembered, options);
  const digest = await registry.resolve(source.image, pin, options);
  return digest.ok ? registry.pull(source.image, digest.value, options) : digest;
}

function keptBy(own: readonly Revision[], ofNamespace: () => Iterable<Revision>): Kept {
  return {
    byFilter: (digest) => own.some((revision) => revision.digest === digest),
    byNamespace: (digest) => Iterator.from(ofNamespace()).some((revision) => revision.digest === digest),
    modules: () => new Set(Iterator.from(ofNamespace()).map(({ wasmDigest }) => wasmDigest)),
  };
}
