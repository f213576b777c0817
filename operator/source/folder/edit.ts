import { readdir, realpath, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { writeFileAtomically } from "../../../base/atomic-file.ts";
import { parseExactJson, printExactJson } from "../../../model/exact-json.ts";
import { type FilterKey, filterId } from "../../../model/filter.ts";
import { fail, failForNow, ok, type Result } from "../../../model/result.ts";
import { isFields } from "../../parse/defaults.ts";
import { problemsOf } from "../../parse/filter.ts";
import { withoutNulls } from "../../parse/nulls.ts";
import { policyProblems } from "../../parse/policy.ts";
import { describeProblems, type Problem } from "../../parse/problem.ts";
import { cutYaml, hasMarker, patchYaml, withoutMarker } from "./document.ts";
import { formatOf, manifestNames, readManifestText } from "./files.ts";
import {
  DEFAULT_NAMESPACE,
  describeForeign,
  isClusterScoped,
  type ManifestFormat,
  type ManifestKind,
  type ManifestObject,
  manifestId,
  readManifest,
} from "./manifest.ts";

/** What an edit did to one object. */
export interface Edited {
  readonly kind: ManifestKind;
  readonly namespace: string;
  readonly name: string;
  /** File inside the folder. */
  readonly file: string;
  readonly change: "created" | "configured" | "unchanged" | "deleted";
}

/**
 * Applies the objects of a manifest (YAML with one or more documents, or JSON) to the folder. An object that a file holds is replaced there,
 * with the comments of the new text; the rest of that file is untouched, and all of it where the object means what it meant. A new object gets a file of its own. Objects without a namespace go to
 * `namespace`. If one of them is wrong, nothing changes (`InvalidManifest`, `InvalidSpec`).
 */
export async function applyManifest(
  dir: string,
  text: string,
  format: ManifestFormat,
  namespace: string = DEFAULT_NAMESPACE,
): Promise<Result<readonly Edited[]>> {
  const incoming = format === "json" ? jsonToYaml(text) : ok(text);
  if (!incoming.ok) return incoming;
  const placed = withNamespaces(incoming.value, namespace);
  const manifest = readManifest(placed, "yaml");
  if (!manifest.ok) return manifest;
  const { objects, foreign, problems } = manifest.value;
  if (problems.length > 0) return fail("InvalidManifest", problems.join(" | "));
  const [other] = foreign;
  if (other !== undefined) return fail("InvalidManifest", `line ${other.line}: ${describeForeign(other)}`);
  if (objects.length === 0) return fail("InvalidManifest", "no object of Weir's in it");
  for (const object of objects) {
    const found = PROBLEMS[object.kind]?.(object.fields) ?? [];
    if (found.length > 0) return fail("InvalidSpec", `${object.kind} ${manifestId(object)}: ${describeProblems(found)}`);
    if (object.document === undefined)
      return fail("InvalidManifest", "a List cannot be taken apart; write its items as documents of their own, with --- between them");
  }
  const { documents } = cutYaml(placed);
  const edited: Edited[] = [];
  for (const object of objects) {
    const result = await applyOne(dir, object, `${withoutMarker(documents[object.document ?? 0] ?? "").trimEnd()}\n`);
    if (!result.ok) return result;
    edited.push(result.value);
  }
  return ok(edited);
}

/** What an API server would refuse. */
const PROBLEMS: Readonly<Partial<Record<ManifestKind, (fields: unknown) => Problem[]>>> = {
  WasmFilter: problemsOf,
  WasmPolicy: policyProblems,
};

/**
 * Sets one field of a WasmFilter, e.g. `["spec", "digest"]`, or removes it (`undefined`). The rest of the file stays as it is. Fails with
 * `FilterNotFound`, or with `InvalidSpec` if the object would be wrong afterwards.
 */
export async function patchManifest(dir: string, key: FilterKey, path: readonly string[], value: unknown): Promise<Result<Edited>> {
  const located = await locate(dir, "WasmFilter", key);
  if (!located.ok) return located;
  if (located.value === undefined) return fail("FilterNotFound", `no manifest in ${dir} holds WasmFilter ${filterId(key)}`);
  const { file, text, object } = located.value;
  const byHand = fail("InvalidManifest", `${file} cannot be edited; change ${path.join(".")} of WasmFilter ${filterId(key)} by hand`);
  let changed: string;
  try {
    changed = formatOf(file) === "json" ? patchJson(text, path, value) : patchDocument(text, object.document ?? 0, path, value);
  } catch {
    return byHand;
  }
  const after = readManifest(changed, formatOf(file));
  const patched = after.ok ? after.value.objects.find((candidate) => same(candidate, object)) : undefined;
  if (patched === undefined) return byHand;
  const problems = problemsOf(patched.fields);
  if (problems.length > 0) return fail("InvalidSpec", `WasmFilter ${filterId(key)}: ${describeProblems(problems)}`);
  return save(dir, file, text, changed, object);
}

/** Removes an object from the folder, and its file if nothing else is in it. Fails with `FilterNotFound` if no file holds it. */
export async function deleteManifest(dir: string, kind: ManifestKind, key: FilterKey): Promise<Result<Edited>> {
  const located = await locate(dir, kind, key);
  if (!located.ok) return located;
  if (located.value === undefined) return fail("FilterNotFound", `no manifest in ${dir} holds ${kind} ${manifestId(key)}`);
  const { file, text, object } = located.value;
  const rest = formatOf(file) === "json" ? "" : cutYaml(text).with(object.document ?? 0, undefined);
  if (rest.replaceAll(/^(---.*|#.*)$/gm, "").trim() === "") {
    return written(dir, file, () => rm(join(dir, file)), { ...identity(object), file, change: "deleted" });
  }
  const saved = await save(dir, file, text, rest, object);
  return saved.ok ? ok({ ...saved.value, change: "deleted" }) : saved;
}

async function applyOne(dir: string, object: ManifestObject, text: string): Promise<Result<Edited>> {
  const located = await locate(dir, object.kind, object);
  if (!located.ok) return located;
  if (located.value === undefined) {
    const file = await freeName(dir, object);
    // Only its owner may read a Secret.
    const create = () => writeFileAtomically(join(dir, file), text, object.kind === "Secret" ? { mode: 0o600 } : {});
    return written(dir, file, create, { ...identity(object), file, change: "created" });
  }
  const { file, text: before, object: old } = located.value;
  if (meansTheSame(old, object)) return ok({ ...identity(object), file, change: "unchanged" });
  if (formatOf(file) === "json") return save(dir, file, before, `${printExactJson(object.fields, 2)}\n`, object);
  const cut = cutYaml(before);
  const index = old.document ?? 0;
  const marker = hasMarker(cut.documents[index] ?? "") ? "---\n" : "";
  return save(dir, file, before, cut.with(index, marker + text), object);
}

/** The order of names counts in a configuration alone: a folder keeps it. */
function meansTheSame(a: ManifestObject, b: ManifestObject): boolean {
  const [before, after] = [a, b].map(({ kind, namespace, fields }) => {
    const { spec, ...rest } = kind === "WasmFilter" ? withoutNulls(fields) : fields;
    const config = isFields(spec) ? printExactJson(spec.config ?? null) : "";
    return { ...rest, spec, config, metadata: { ...(isFields(rest.metadata) ? rest.metadata : {}), namespace } };
  });
  return isDeepStrictEqual(before, after);
}

interface Located {
  readonly file: string;
  readonly text: string;
  readonly object: ManifestObject;
}

/** The first file by path that holds the object, as the server reads the folder. */
async function locate(dir: string, kind: ManifestKind, key: FilterKey): Promise<Result<Located | undefined>> {
  const unreadable: string[] = [];
  let names: readonly string[];
  try {
    names = (await manifestNames(dir)).read;
  } catch (error) {
    return fail("FolderUnreadable", `the folder ${dir} cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`);
  }
  for (const file of names) {
    const text = await readManifestText(join(dir, file));
    const manifest = text.ok ? readManifest(text.value, formatOf(file)) : text;
    if (!text.ok || !manifest.ok) {
      unreadable.push(`${file} (${manifest.ok ? "" : manifest.error.message})`);
      continue;
    }
    const object = manifest.value.objects.find((candidate) => same(candidate, { kind, ...key }));
    if (object === undefined) continue;
    if (object.document === undefined)
      return fail("InvalidManifest", `${kind} ${manifestId(key)} is an item of a List in ${file}; edit that by hand`);
    return ok({ file, text: text.value, object });
  }
  if (unreadable.length > 0) return fail("InvalidManifest", `mend ${unreadable.join(", ")} first: it may hold ${kind} ${manifestId(key)}`);
  return ok(undefined);
}

async function save(dir: string, file: string, before: string, after: string, object: ManifestObject): Promise<Result<Edited>> {
  if (before === after) return ok({ ...identity(object), file, change: "unchanged" });
  if (!isDeepStrictEqual(others(file, before, object), others(file, after, object))) {
    return fail(
      "InvalidManifest",
      `${file} cannot be edited without touching its other documents; change ${object.kind} ${manifestId(object)} there by hand`,
    );
  }
  const replace = async () => {
    const path = await realpath(join(dir, file));
    await writeFileAtomically(path, after, { mode: (await stat(path)).mode & 0o777 });
  };
  return written(dir, file, replace, { ...identity(object), file, change: "configured" });
}

async function written(dir: string, file: string, write: () => Promise<void>, edited: Edited): Promise<Result<Edited>> {
  try {
    await write();
    return ok(edited);
  } catch (error) {
    return failForNow(
      "FolderUnwritable",
      `${join(dir, file)} cannot be written (${(error as NodeJS.ErrnoException).code ?? String(error)})`,
    );
  }
}

/** The objects of a file but this one. */
function others(file: string, text: string, object: ManifestObject): unknown {
  const manifest = readManifest(text, formatOf(file));
  return manifest.ok ? manifest.value.objects.filter((candidate) => !same(candidate, object)).map(({ fields }) => fields) : manifest;
}

/** Names of files have at most 255 bytes; those of objects have up to 253, and a namespace beside. */
const LONGEST_BASE = 240;

async function freeName(dir: string, { kind, namespace, name }: ManifestObject): Promise<string> {
  const taken = new Set(await readdir(dir));
  const parts = [
    ...(namespace === DEFAULT_NAMESPACE || namespace === "" ? [] : [namespace]),
    name,
    ...(kind === "WasmFilter" ? [] : [kind.toLowerCase()]),
  ];
  const base = parts.join("-").slice(0, LONGEST_BASE);
  let file = `${base}.yaml`;
  for (let count = 2; taken.has(file); count++) file = `${base}-${count}.yaml`;
  return file;
}

function patchDocument(text: string, document: number, path: readonly string[], value: unknown): string {
  const cut = cutYaml(text);
  return cut.with(document, patchYaml(cut.documents[document] ?? "", path, value));
}

function patchJson(text: string, path: readonly string[], value: unknown): string {
  const root = parseExactJson(text) as Record<string, unknown>;
  let parent = root;
  for (const key of path.slice(0, -1)) {
    const next = Object.hasOwn(parent, key) ? parent[key] : undefined;
    const child: Record<string, unknown> = isFields(next) ? (next as Record<string, unknown>) : {};
    parent[key] = child;
    parent = child;
  }
  parent[path.at(-1) ?? ""] = value;
  const indent = /^[ \t]+/m.exec(text)?.[0];
  return printExactJson(root, indent) + (text.endsWith("\n") ? "\n" : "");
}

/** Serialized again, JSON has no line breaks that YAML reads differently. */
function jsonToYaml(text: string): Result<string> {
  try {
    return ok(`${printExactJson(parseExactJson(text), 2)}\n`);
  } catch {
    return fail("InvalidManifest", "not JSON");
  }
}

/** Adds the namespace to documents without one, unless it is the default namespace. */
function withNamespaces(text: string, namespace: string): string {
  if (namespace === DEFAULT_NAMESPACE) return text;
  const manifest = readManifest(text, "yaml");
  if (!manifest.ok) return text;
  let result = text;
  for (const { kind, document, fields } of manifest.value.objects) {
    const { metadata } = fields;
    if (document !== undefined && !isClusterScoped(kind) && isFields(metadata) && metadata.namespace === undefined)
      result = patchDocument(result, document, ["metadata", "namespace"], namespace);
  }
  return result;
}

function same(a: Pick<ManifestObject, "kind" | "namespace" | "name">, b: Pick<ManifestObject, "kind" | "namespace" | "name">): boolean {
  return a.kind === b.kind && a.namespace === b.namespace && a.name === b.name;
}

function identity({ kind, namespace, name }: ManifestObject): Pick<Edited, "kind" | "namespace" | "name"> {
  return { kind, namespace, name };
}
