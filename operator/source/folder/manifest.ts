import { hasMoreValues } from "../../../base/json-depth.ts";
import { parseExactJson, printExactJson } from "../../../model/exact-json.ts";
import { API_VERSION } from "../../../model/gen/wasmfilter.ts";
import { fail, ok, type Result } from "../../../model/result.ts";
import { beyondBounds, withinBounds } from "../../parse/bounds.ts";
import { type Fields, isFields } from "../../parse/defaults.ts";
import { isNamespace, isObjectName } from "../../parse/names.ts";
import { inTurns, type Steps, toEnd } from "./steps.ts";
import { type ManifestDocument, readYaml } from "./yaml.ts";

export type ManifestKind = "WasmFilter" | "WasmPolicy" | "Secret" | "ConfigMap" | "Namespace";

/** An object of a manifest that Weir reads. Its name is valid; everything else may be wrong. */
export interface ManifestObject {
  readonly kind: ManifestKind;
  /** Empty for what is in no namespace. */
  readonly namespace: string;
  readonly name: string;
  readonly fields: Fields;
  /** Where its document starts, from 1. */
  readonly line: number;
  /** Which document of the file it is, from 0; `undefined` for an item of a List. */
  readonly document: number | undefined;
}

/** An object of a manifest that is not Weir's. A server ignores it, `weir apply` refuses it. */
export interface ForeignObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly line: number;
}

export type ManifestFormat = "yaml" | "json";

export interface Manifest {
  readonly objects: readonly ManifestObject[];
  readonly foreign: readonly ForeignObject[];
  /** What is wrong with single documents. The others count. */
  readonly problems: readonly string[];
}

/** The kinds that Weir reads, with their API versions. */
const VERSIONS: Readonly<Record<ManifestKind, string>> = {
  WasmFilter: API_VERSION,
  WasmPolicy: API_VERSION,
  Secret: "v1",
  ConfigMap: "v1",
  Namespace: "v1",
};

/** Kinds that are in no namespace. What a manifest says of one does not count, as in an API server. */
const CLUSTER_SCOPED: ReadonlySet<string> = new Set<ManifestKind>(["WasmPolicy", "Namespace"]);

/** Kinds whose objects are looked at by who parses them, however wrong they are. */
const PARSED: ReadonlySet<ManifestKind> = new Set(["WasmFilter", "WasmPolicy"]);

const GROUP = API_VERSION.slice(0, API_VERSION.indexOf("/") + 1);

export const DEFAULT_NAMESPACE = "default";

/**
 * Reads the objects of a manifest: YAML with one or more documents, or JSON. If it cannot be parsed, fails with reason `InvalidManifest`, the
 * line and what is wrong there. Messages never quote the file, which may hold a Secret.
 */
export function readManifest(text: string, format: ManifestFormat): Result<Manifest> {
  return toEnd(read(text, format));
}

/** The same for a server: the event loop turns meanwhile. */
export async function readManifestInTurns(text: string, format: ManifestFormat): Promise<Result<Manifest>> {
  return inTurns(read(text, format));
}

/** The documents of a text, whatever they hold, one for each that `cutYaml` finds. Fails as `readManifest` does. */
export function readDocuments(text: string, format: ManifestFormat = "yaml"): Result<readonly ManifestDocument[]> {
  return toEnd(documentsOf(text, format));
}

/** As kubectl does, a text that begins with a brace and is JSON is JSON. */
function* documentsOf(text: string, format: ManifestFormat): Steps<Result<ManifestDocument[]>> {
  return format === "json" || (/^\s*\{/.test(text) && isJson(text)) ? readJson(text) : yield* readYaml(text);
}

function* read(text: string, format: ManifestFormat): Steps<Result<Manifest>> {
  const documents = yield* documentsOf(text, format);
  if (!documents.ok) return documents;
  const found: Found = { objects: [], foreign: [], problems: [] };
  for (const [document, { value, line }] of documents.value.entries()) {
    collect(value, { line, document }, found);
    yield;
  }
  return ok(found);
}

/**
 * Which of Weir's kinds an object is. `undefined`: not Weir's. A WasmFilter or WasmPolicy of another version of Weir's API is Weir's too: parsing says which version
 * it must have.
 */
export function manifestKind(apiVersion: string, kind: string): ManifestKind | undefined {
  if (!isKindOfOurs(kind)) return undefined;
  return VERSIONS[kind] === apiVersion || (PARSED.has(kind) && apiVersion.startsWith(GROUP)) ? kind : undefined;
}

export function isKindOfOurs(kind: string): kind is ManifestKind {
  return Object.hasOwn(VERSIONS, kind);
}

/** True for a kind that is in no namespace. */
export function isClusterScoped(kind: string): boolean {
  return CLUSTER_SCOPED.has(kind);
}

/** `namespace/name`, or the name alone of what is in no namespace. */
export function manifestId({ namespace, name }: Pick<ManifestObject, "namespace" | "name">): string {
  return namespace === "" ? name : `${namespace}/${name}`;
}

/** E.g. `other.example/v1 WasmFilter a is not Weir's; Weir reads WasmFilter (weir.dev/v1alpha1), WasmPolicy (weir.dev/v1alpha1), Secret (v1) ...`. */
export function describeForeign({ apiVersion, kind, name }: ForeignObject): string {
  const ours = Object.entries(VERSIONS).map(([each, version]) => `${each} (${version})`);
  return `${[apiVersion, kind, name].filter((part) => part !== "").join(" ")} is not Weir's; Weir reads ${ours.join(", ")}`;
}

/** Most values of a JSON file: a parser builds them in one go, some 100 ms for so many. */
const MAX_VALUES = 200_000;

function readJson(text: string): Result<ManifestDocument[]> {
  if (hasMoreValues(text, MAX_VALUES))
    return fail("InvalidManifest", `more than ${MAX_VALUES.toLocaleString("en")} values; split it, or write the configuration as a string`);
  try {
    const value = parseExactJson(text);
    if (HALF.test(text) && HALF.test(printExactJson(value).replaceAll("\\\\", "")))
      return fail("InvalidManifest", "half of a UTF-16 pair (\\ud800 to \\udfff) is no character; write both halves, or none");
    return ok([{ value, line: 1 }]);
  } catch (error) {
    if (error instanceof RangeError)
      return fail("InvalidManifest", "nested too deeply; make it flatter, or write the configuration as a string");
    if (isJson(text)) return fail("InvalidManifest", "a number in it is too large; write it as a string");
    const position = /line (\d+) column (\d+)/.exec(error instanceof Error ? error.message : "");
    const where = position === null ? "" : `line ${position[1]}, column ${position[2]}: `;
    return fail("InvalidManifest", `${where}not JSON`);
  }
}

/** Printed JSON has these for what is no character. */
const HALF = /\\u[dD][89a-fA-F]/;

function isJson(text: string): boolean {
  if (hasMoreValues(text, MAX_VALUES)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

type Place = Pick<ManifestObject, "line" | "document">;

interface Found {
  readonly objects: ManifestObject[];
  readonly foreign: ForeignObject[];
  readonly problems: string[];
}

function collect(value: unknown, place: Place, found: Found): void {
  const { line } = place;
  const { objects, foreign, problems } = found;
  if (value === null || value === undefined) return;
  if (!isFields(value)) {
    problems.push(`line ${line}: not a Kubernetes object; it needs apiVersion, kind and metadata`);
    return;
  }
  const { apiVersion, kind, metadata, items } = value;
  if (typeof kind === "string" && kind.endsWith("List") && Array.isArray(items)) {
    for (const item of items) collect(item, { line, document: undefined }, found);
    return;
  }
  if (typeof apiVersion !== "string" || typeof kind !== "string") {
    problems.push(`line ${line}: not a Kubernetes object; it needs apiVersion and kind`);
    return;
  }
  const ours = manifestKind(apiVersion, kind);
  const { name, namespace: given } = isFields(metadata) ? metadata : {};
  const namespace = isClusterScoped(kind) ? undefined : given;
  if (ours === undefined) foreign.push({ apiVersion, kind, name: typeof name === "string" ? name : "", line });
  else if (!isObjectName(name)) problems.push(`line ${line}: ${kind} without a valid metadata.name`);
  else if (namespace !== undefined && namespace !== null && !isNamespace(namespace)) {
    problems.push(`line ${line}: ${kind} ${name} has no valid metadata.namespace`);
  } else {
    const beyond = PARSED.has(ours) ? undefined : beyondBounds(value);
    const home = isClusterScoped(ours) ? "" : (namespace ?? DEFAULT_NAMESPACE);
    if (beyond === undefined) objects.push({ kind: ours, namespace: home, name, fields: withinBounds(value), ...place });
    else problems.push(`line ${line}: ${kind} ${name} is ${beyond}`);
  }
}
