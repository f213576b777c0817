import { isDeepStrictEqual } from "node:util";

/** A structural schema. https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema */
export interface CrdSchema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, CrdSchema>>;
  readonly items?: CrdSchema;
  readonly additionalProperties?: CrdSchema | boolean;
  readonly required?: readonly string[];
  readonly enum?: readonly unknown[];
  readonly [keyword: string]: unknown;
}

export interface Crd {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly scope?: string;
    readonly names: { readonly kind?: string; readonly shortNames?: readonly string[]; readonly [field: string]: unknown };
    readonly versions: readonly CrdVersion[];
  };
}

interface CrdVersion {
  readonly name: string;
  readonly served?: boolean;
  readonly subresources?: Readonly<Record<string, unknown>>;
  readonly schema?: { readonly openAPIV3Schema?: CrdSchema };
}

/** Keywords that take less when they rise, and when they fall. */
const LOWER_BOUNDS = ["minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"];
const UPPER_BOUNDS = ["maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"];
/** Keywords that, once they are there or say something else, take less than before. */
const DEMANDS = ["pattern", "format", "multipleOf", "not", "anyOf", "oneOf", "allOf", "uniqueItems"];
/** Keywords whose change gives a stored object another meaning. */
const MEANINGS = ["default", "x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-map-type"];
/** Keywords that let more through while they are true. */
const ALLOWANCES = ["nullable", "x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource"];

/** Rules that refuse nothing of what the rules and required fields before them took: where every step has a percent and none a match, and no key is keyless, they say the same. */
const WIDER: ReadonlySet<string> = new Set([
  "self.filter(step, has(step.percent) && !has(step.match)).map(step, step.percent).isSorted() && self.all(a, has(a.match) || !has(a.percent) || self.exists_one(b, has(b.percent) && !has(b.match) && a.percent == b.percent))",
  "size(self) == 0 || has(self[size(self) - 1].percent) && !has(self[size(self) - 1].match) && self[size(self) - 1].percent == 100",
  "self.map(step, has(step.match) ? 0 : 1).isSorted()",
  "has(self.percent) || has(self.match)",
  "(has(self.publicKey) ? 1 : 0) + (has(self.publicKeySecret) ? 1 : 0) + (has(self.keyless) ? 1 : 0) == 1",
  "!has(self.rollout) || !has(self.rollout.steps) || !has(self.type) || self.type == 'HTTP' || !self.rollout.steps.exists(step, has(step.match))",
]);

/**
 * What objects may say under `before` and may not, or not with the same meaning, under `now`: a line each, as `spec.image: maxLength is 100, was 512`.
 * Empty when every change is an addition. What `before` does not have is not looked at.
 */
export function narrowings(before: Crd, now: Crd): string[] {
  const found: string[] = [];
  if (before.spec.scope !== now.spec.scope) found.push(`scope is ${now.spec.scope}, was ${before.spec.scope}`);
  if (before.spec.names.kind !== now.spec.names.kind) found.push(`kind is ${now.spec.names.kind}, was ${before.spec.names.kind}`);
  for (const name of before.spec.names.shortNames ?? [])
    if (!now.spec.names.shortNames?.includes(name)) found.push(`short name ${name} is gone`);
  for (const version of before.spec.versions) {
    const other = now.spec.versions.find(({ name }) => name === version.name);
    if (other === undefined || (version.served !== false && other.served === false)) found.push(`version ${version.name} is gone`);
    else found.push(...ofVersion(version, other));
  }
  return found;
}

function ofVersion(before: CrdVersion, now: CrdVersion): string[] {
  const gone = Object.keys(before.subresources ?? {}).filter((name) => now.subresources?.[name] === undefined);
  return [
    ...gone.map((name) => `subresource ${name} is gone`),
    ...ofSchema("", before.schema?.openAPIV3Schema ?? {}, now.schema?.openAPIV3Schema ?? {}),
  ];
}

function ofSchema(path: string, before: CrdSchema, now: CrdSchema): string[] {
  return [
    ...ofKeywords(path, before, now),
    ...ofMeanings(path, before, now),
    ...ofProperties(path, before, now),
    ...ofElements(path, before, now),
  ];
}

function ofKeywords(path: string, before: CrdSchema, now: CrdSchema): string[] {
  const at = path === "" ? "the object" : path;
  const found: string[] = [];
  const changed = (keyword: string) => found.push(`${at}: ${keyword} is ${text(now[keyword])}, was ${text(before[keyword])}`);
  if (now.type !== undefined && now.type !== before.type && !(before.type === "integer" && now.type === "number")) changed("type");
  for (const keyword of LOWER_BOUNDS) if (now[keyword] !== undefined && !atLeast(before[keyword], now[keyword])) changed(keyword);
  for (const keyword of UPPER_BOUNDS) if (now[keyword] !== undefined && !atLeast(now[keyword], before[keyword])) changed(keyword);
  for (const keyword of DEMANDS) if (now[keyword] !== undefined && !isDeepStrictEqual(now[keyword], before[keyword])) changed(keyword);
  for (const keyword of ALLOWANCES) if (before[keyword] === true && now[keyword] !== true) changed(keyword);
  if (now.enum !== undefined) {
    const lost = before.enum?.filter((value) => !now.enum?.some((other) => isDeepStrictEqual(value, other)));
    if (lost === undefined) found.push(`${at}: takes ${now.enum.map(text).join(", ")} only`);
    else for (const value of lost) found.push(`${at}: ${text(value)} is not taken any more`);
  }
  for (const rule of rulesOf(now))
    if (!rulesOf(before).includes(rule) && !isOfNewField(rule, before) && !WIDER.has(rule)) found.push(`${at}: a new rule ${rule}`);
  return found;
}

/** Defaults that every version fills in by code too. In the object they kept a second manager from taking over an empty `rollout`. */
const FILLED_IN = /^spec\.rollout\.(progressDeadline|autoRollback|analysis(\.\w+)?)$/;

/**
 * A default below a list may go, as none should be there: tools apply such a list whole, and an object whose defaults were written into it differs from what
 * they applied. What it said is filled in by code, and stored objects have it.
 */
function ofMeanings(path: string, before: CrdSchema, now: CrdSchema): string[] {
  return MEANINGS.filter((keyword) => before[keyword] !== undefined && !isDeepStrictEqual(now[keyword], before[keyword]))
    .filter((keyword) => !(keyword === "default" && (path.includes("[]") || FILLED_IN.test(path)) && now.default === undefined))
    .map((keyword) => `${path === "" ? "the object" : path}: ${keyword} is ${text(now[keyword])}, was ${text(before[keyword])}`);
}

function ofProperties(path: string, before: CrdSchema, now: CrdSchema): string[] {
  const found: string[] = [];
  for (const name of now.required ?? []) if (!before.required?.includes(name)) found.push(`${join(path, name)}: is required`);
  for (const [name, schema] of Object.entries(before.properties ?? {})) {
    const other = now.properties?.[name];
    if (other === undefined) found.push(`${join(path, name)}: is gone`);
    else found.push(...ofSchema(join(path, name), schema, other));
  }
  return found;
}

function ofElements(path: string, before: CrdSchema, now: CrdSchema): string[] {
  const found: string[] = [];
  if (before.items !== undefined && now.items !== undefined) found.push(...ofSchema(`${path}[]`, before.items, now.items));
  const [old, new_] = [before.additionalProperties, now.additionalProperties];
  if (typeof old === "object" && typeof new_ === "object") found.push(...ofSchema(`${path}{}`, old, new_));
  else if (old !== undefined && old !== false && (new_ === undefined || new_ === false || typeof new_ !== typeof old) && new_ !== true)
    found.push(`${path}: other names are not taken any more`);
  return found;
}

/** Whether `high` is a number that is at least `low`; a bound that is missing is none. */
function atLeast(high: unknown, low: unknown): boolean {
  return typeof high === "number" && typeof low === "number" && high >= low;
}

function rulesOf(schema: CrdSchema): readonly string[] {
  const rules = schema["x-kubernetes-validations"];
  return Array.isArray(rules) ? rules.map((entry) => String((entry as { rule?: unknown }).rule)) : [];
}

/** True for a rule that holds wherever a field is absent that `before` does not have: `!has(self.added) || ...`, with nothing that binds less than `||`. */
function isOfNewField(rule: string, before: CrdSchema): boolean {
  const field = /^!has\(self\.(\w+)\) \|\| [^?]+$/.exec(rule)?.[1];
  return field !== undefined && before.properties !== undefined && before.properties[field] === undefined;
}

function join(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}

function text(value: unknown): string {
  return value === undefined ? "not there" : JSON.stringify(value);
}
