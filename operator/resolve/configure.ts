import { clip, oneLine } from "../../base/text.ts";
import type { Filter, FilterKey } from "../../model/filter.ts";
import { configurationOf, type PluginConfiguration } from "../../model/plugin-configuration.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import type { Revision } from "../../model/revision.ts";
import type { RevisionIdentity } from "../filter/revision-identity.ts";
import { restore } from "../filter/revisions.ts";
import type { Source } from "../source/source.ts";
import { about } from "./failure.ts";

/** The configuration that the plugin receives, and where it is when that is a Secret. */
export interface Configuration extends Pick<Revision, "secretConfig"> {
  readonly configuration: PluginConfiguration;
}

/** Characters of the names that are told. */
const MAX_KEYS = 400;

/** The configuration: from the spec, or from the Secret or ConfigMap that it names. */
export async function configure(filter: Filter, source: Pick<Source, "secret" | "configMap">): Promise<Result<Configuration>> {
  const { configFrom, settings, key } = filter;
  if (configFrom === undefined) return ok({ configuration: settings });
  const isSecret = configFrom.kind === "secret";
  const kind = isSecret ? "Secret" : "ConfigMap";
  const found = isSecret ? await source.secret(key.namespace, configFrom.name) : await source.configMap(key.namespace, configFrom.name);
  if (!found.ok) return { ok: false, error: about("spec.configFrom", found.error) };
  const { data, version } = found.value;
  const value = data.get(configFrom.key);
  if (value !== undefined) {
    const place = { name: configFrom.name, key: configFrom.key, ...(version === undefined ? {} : { version }) };
    return ok({ configuration: configurationOf(value), ...(isSecret ? { secretConfig: place } : {}) });
  }
  const keys = clip(oneLine([...data.keys()].sort().join(", ")), MAX_KEYS) || "none";
  return fail(
    `${kind}KeyNotFound`,
    `spec.configFrom: ${kind} ${key.namespace}/${configFrom.name} has no key "${configFrom.key}" (it has: ${keys}); add it or name one of those`,
  );
}

/** A kept revision with the text that it has from a Secret. `undefined`: the Secret no longer holds the text that the revision was made with. */
export async function reconfigure(
  key: FilterKey,
  kept: Revision,
  { source, identity }: { readonly source: Pick<Source, "secret">; readonly identity: RevisionIdentity },
): Promise<Revision | undefined> {
  if (kept.secretConfig === undefined) return kept;
  const secret = await source.secret(key.namespace, kept.secretConfig.name);
  const data = secret.ok ? secret.value.data.get(kept.secretConfig.key) : undefined;
  if (!secret.ok || data === undefined) return undefined;
  return restore(key, kept, { data, version: secret.value.version }, identity);
}
