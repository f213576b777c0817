import type { Filter } from "../../model/filter.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import type { Source } from "../source/source.ts";
import { about } from "./failure.ts";

/** The configuration text that the plugin receives: from the spec, or from the Secret or ConfigMap that it names. */
export async function configure(filter: Filter, source: Pick<Source, "secret" | "configMap">): Promise<Result<string>> {
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
