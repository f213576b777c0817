import { fieldsOf, isRecord } from "../../base/json.ts";
import { clip, oneLine } from "../../base/text.ts";
import { type FilterKey, filterId } from "../../model/filter.ts";
import { API_VERSION, KIND } from "../../model/gen/wasmfilter.ts";
import { POLICY_KIND } from "../../model/gen/wasmpolicy.ts";
import type { Fields } from "../../model/kube.ts";
import { MAX_PLANNED } from "../../model/plan.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { beyondBounds, withinBounds } from "../parse/bounds.ts";
import { isNamespace, isObjectName } from "../parse/names.ts";
import type { Versioned } from "../source/data.ts";
import { configMapData, secretData } from "../source/folder/assemble.ts";
import { isClusterScoped } from "../source/folder/manifest.ts";
import { labelsOf } from "../source/folder/policies.ts";
import type { Policies } from "../source/policies.ts";
import type { Source } from "../source/source.ts";

/** A WasmFilter to plan. Its name and namespace can exist; the rest may be wrong in any way. */
export interface AskedFilter {
  readonly key: FilterKey;
  readonly object: Fields;
}

/** What a request asks. */
export interface Asked {
  readonly filters: readonly AskedFilter[];
  /** Secrets and ConfigMaps that would be applied, by `secret/namespace/name` and `configmap/namespace/name`. In memory only. */
  readonly given: ReadonlyMap<string, Versioned>;
  /** What rules filters and would be applied, by name. Raw. */
  readonly policies: ReadonlyMap<string, Fields>;
  readonly namespaces: ReadonlyMap<string, Fields>;
}

const KINDS: Readonly<Record<string, string>> = {
  [KIND]: API_VERSION,
  Secret: "v1",
  ConfigMap: "v1",
  [POLICY_KIND]: API_VERSION,
  Namespace: "v1",
};

/** Sorts the objects of a request. Fails with `BadRequest`, whose message never holds a value of a Secret. */
export function readRequest(objects: readonly unknown[]): Result<Asked> {
  if (objects.length > MAX_PLANNED) return wrong(`has ${objects.length} objects; at most ${MAX_PLANNED} are planned at a time`);
  const filters = new Map<string, AskedFilter>();
  const given = new Map<string, Versioned>();
  const policies = new Map<string, Fields>();
  const namespaces = new Map<string, Fields>();
  for (const [index, object] of objects.entries()) {
    const identity = identify(object);
    if (typeof identity === "string") return wrong(`has an object ${index + 1} that ${identity}`);
    const { kind, fields, key } = identity;
    if (isClusterScoped(kind)) {
      const held = kind === POLICY_KIND ? policies : namespaces;
      if (held.has(key.name)) return wrong(`has ${kind} ${key.name} twice`);
      held.set(key.name, withinBounds(fields));
      continue;
    }
    const id = kind === KIND ? filterId(key) : `${kind.toLowerCase()}/${filterId(key)}`;
    if (filters.has(id) || given.has(id)) return wrong(`has ${kind} ${filterId(key)} twice`);
    // Beyond them it stands for itself with why: parsing says so.
    if (kind === KIND) filters.set(id, { key, object: withinBounds(fields) });
    else {
      const beyond = beyondBounds(fields);
      if (beyond !== undefined) return wrong(`has ${kind} ${filterId(key)}, which is ${beyond}`);
      const problems: string[] = [];
      const data = (kind === "Secret" ? secretData : configMapData)(fields, (problem) => void problems.push(problem));
      const [problem] = problems;
      if (problem !== undefined) return wrong(`has ${kind} ${filterId(key)}, whose ${clip(oneLine(problem), 300)}`);
      given.set(id, { data, version: undefined });
    }
  }
  // Nobody brings the keys of policies: filters name what is in their own namespaces.
  const places = new Set(Array.from(filters.values(), ({ key }) => key.namespace));
  for (const id of given.keys()) if (!places.has(id.split("/")[1] ?? "")) given.delete(id);
  return ok({ filters: [...filters.values()], given, policies, namespaces });
}

/** A text: what is wrong. */
function identify(object: unknown): { readonly kind: string; readonly fields: Fields; readonly key: FilterKey } | string {
  if (!isRecord(object)) return "is none";
  const { kind, apiVersion, metadata } = object;
  if (typeof kind !== "string" || !Object.hasOwn(KINDS, kind) || KINDS[kind] !== apiVersion)
    return `is no ${Object.entries(KINDS)
      .map(([name, version]) => `${name} (${version})`)
      .join(", ")}`;
  const { name, namespace } = fieldsOf(metadata);
  if (isClusterScoped(kind))
    return isObjectName(name) ? { kind, fields: object, key: { namespace: "", name } } : "has no metadata.name that can exist";
  if (!isObjectName(name) || !isNamespace(namespace)) return "has no metadata.name and metadata.namespace that can exist";
  return { kind, fields: object, key: { namespace, name } };
}

/** A source that has what would be applied in the place of what is there, and begins no watch: who plans could begin any number of them. */
export function sourceWith(given: Asked["given"], source: Pick<Source, "secret" | "configMap">): Pick<Source, "secret" | "configMap"> {
  const held = (id: string): Result<Versioned> | undefined => {
    const found = given.get(id);
    return found && ok(found);
  };
  return {
    secret: async (namespace, name) => held(`secret/${namespace}/${name}`) ?? source.secret(namespace, name, { once: true }),
    configMap: async (namespace, name) => held(`configmap/${namespace}/${name}`) ?? source.configMap(namespace, name, { once: true }),
  };
}

/** The policies that there would be. They are not known while those that are there are not. */
export function policiesWith({ policies, namespaces }: Pick<Asked, "policies" | "namespaces">, there: Policies): Policies {
  if (there.objects === undefined || (policies.size === 0 && namespaces.size === 0)) return there;
  const labels = new Map(Array.from(namespaces, ([name, fields]) => [name, labelsOf(fields)]));
  return {
    ...there,
    objects: new Map([...there.objects, ...policies]),
    labels: (namespace) => labels.get(namespace) ?? there.labels(namespace),
  };
}

function wrong(why: string): Result<never> {
  return fail("BadRequest", `the request ${why}`);
}
