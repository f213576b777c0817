import { LineCounter, parseAllDocuments } from "yaml";
import { fail, ok, type Result } from "../../../model/result.ts";
import { type Fields, isFields } from "../../parse/defaults.ts";
import { isNamespace, isObjectName } from "../../parse/names.ts";

export type ManifestKind = "WasmFilter" | "Secret" | "ConfigMap";

/** An object of a manifest file that Weir reads. Its name is sound; everything else may be wrong. */
export interface ManifestObject {
  readonly kind: ManifestKind;
  readonly namespace: string;
  readonly name: string;
  readonly fields: Fields;
  /** Where its document starts, from 1. */
  readonly line: number;
  /** Which document of the file it is, from 0; `undefined` for an item of a List. */
  readonly document: number | undefined;
}

export interface Manifest {
  readonly objects: readonly ManifestObject[];
  /** What is wrong with single documents of the file; the others count. */
  readonly problems: readonly string[];
}

/** Which API group each kind that Weir reads belongs to. Other kinds in a folder are none of its business. */
const GROUPS: Readonly<Record<ManifestKind, string>> = { WasmFilter: "weir.dev/", Secret: "v1", ConfigMap: "v1" };

export const DEFAULT_NAMESPACE = "default";

/**
 * The objects of a manifest file: YAML with one or more documents, or JSON. Fails with reason `InvalidManifest`, the line and what is
 * wrong there, when any of it cannot be read. Messages never quote the file, which may hold a Secret.
 */
export function readManifest(text: string, format: "yaml" | "json"): Result<Manifest> {
  const documents = format === "json" ? readJson(text) : readYaml(text);
  if (!documents.ok) return documents;
  const objects: ManifestObject[] = [];
  const problems: string[] = [];
  documents.value.forEach(({ value, line }, document) => void collect(value, { line, document }, { objects, problems }));
  return ok({ objects, problems });
}

interface Document {
  readonly value: unknown;
  readonly line: number;
}

function readJson(text: string): Result<Document[]> {
  try {
    return ok([{ value: JSON.parse(text) as unknown, line: 1 }]);
  } catch (error) {
    const position = /line (\d+) column (\d+)/.exec(error instanceof Error ? error.message : "");
    const where = position === null ? "" : `line ${position[1]}, column ${position[2]}: `;
    return fail("InvalidManifest", `${where}not JSON`);
  }
}

function readYaml(text: string): Result<Document[]> {
  const lineCounter = new LineCounter();
  const parsed = parseAllDocuments(text, { lineCounter, prettyErrors: false, merge: true });
  const documents: Document[] = [];
  for (const document of "empty" in parsed ? [] : parsed) {
    const [error] = document.errors;
    if (error !== undefined) {
      const { line, col } = lineCounter.linePos(error.pos[0]);
      return fail("InvalidManifest", `line ${line}, column ${col}: not YAML: ${withoutQuotes(error.message)}`);
    }
    const { line } = lineCounter.linePos(document.contents?.range?.[0] ?? 0);
    try {
      documents.push({ value: document.toJS(), line });
    } catch {
      // The only thing left that can throw is an alias: one without its anchor, or too many of them (a bomb).
      return fail("InvalidManifest", `line ${line}: an alias of the document that starts here has no anchor, or it has too many aliases`);
    }
  }
  return ok(documents);
}

/** The parser quotes the offending token at the end of some messages. */
function withoutQuotes(message: string): string {
  return message.replace(/:? *["'`][\s\S]*$/, "").replace(/^Missing closing$/, "Missing closing quote");
}

type Place = Pick<ManifestObject, "line" | "document">;

function collect(value: unknown, place: Place, found: { objects: ManifestObject[]; problems: string[] }): void {
  const { line } = place;
  const { objects, problems } = found;
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
  if (!isKnown(kind) || !(GROUPS[kind].endsWith("/") ? apiVersion.startsWith(GROUPS[kind]) : apiVersion === GROUPS[kind])) return;
  const { name, namespace } = isFields(metadata) ? metadata : {};
  if (!isObjectName(name)) problems.push(`line ${line}: ${kind} without a valid metadata.name`);
  else if (namespace !== undefined && namespace !== null && !isNamespace(namespace)) {
    problems.push(`line ${line}: ${kind} ${name} has no valid metadata.namespace`);
  } else objects.push({ kind, namespace: namespace ?? DEFAULT_NAMESPACE, name, fields: value, ...place });
}

function isKnown(kind: string): kind is ManifestKind {
  return Object.hasOwn(GROUPS, kind);
}
