import { randomUUID } from "node:crypto";
import { readdir, readFile, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { type Document, isMap, isScalar, parseAllDocuments, type ToStringOptions } from "yaml";
import { fail, ok, type Result } from "../../model/result.ts";
import { sourcesOf } from "./manifests.ts";

/** The same files that a folder source reads: of the folder itself, not hidden. */
const MANIFEST = /^[^.].*[.](ya?ml|json)$/;
const MAX_FILE_BYTES = 8 * 1024 * 1024;

/** Names an object of a folder. */
export interface ObjectId {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** Path of keys inside a document. */
export type Path = readonly (string | number)[];

/** An object where it stands: file, document, and path inside it (not empty for an item of a List). */
export interface Placed {
  readonly file: ManifestFile;
  readonly document: Document;
  readonly path: Path;
  readonly id: ObjectId;
  readonly object: Readonly<Record<string, unknown>>;
}

/** A file as text and as documents that can be edited; comments belong to the documents. */
export interface ManifestFile {
  readonly path: string;
  readonly text: string;
  readonly documents: readonly Document.Parsed[];
}

export interface Folder {
  readonly placed: readonly Placed[];
  /** Files that could not be read, and why. */
  readonly problems: readonly string[];
}

/** Reads every manifest of a folder, in the order of their names. */
export async function readFolder(dir: string): Promise<Result<Folder>> {
  try {
    const names = (await readdir(dir)).filter((name) => MANIFEST.test(name)).sort();
    const placed: Placed[] = [];
    const problems: string[] = [];
    for (const name of names) {
      const file = await readManifestFile(join(dir, name));
      if (!file.ok) problems.push(file.error.message);
      else for (const document of file.value.documents) placed.push(...objectsOf(file.value, document));
    }
    return ok({ placed, problems });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    return fail("NoFolder", `cannot read the manifest folder ${dir} (${code}); make it, or name another with --filters`);
  }
}

async function readManifestFile(path: string): Promise<Result<ManifestFile>> {
  const stats = await stat(path).catch(() => undefined);
  if (stats?.isFile() !== true) return fail("NotAFile", `${path} is no file`);
  if (stats.size > MAX_FILE_BYTES) return fail("FileTooLarge", `${path} holds more than ${MAX_FILE_BYTES} bytes`);
  const text = await readFile(path, "utf8");
  const parsed = parseAllDocuments(text, { merge: true });
  const documents = "empty" in parsed ? [] : parsed;
  const error = documents.flatMap((document) => document.errors)[0];
  if (error !== undefined) return fail("NotYaml", `${path} is no valid YAML (line ${error.linePos?.[0].line ?? "?"})`);
  return ok({ path, text, documents });
}

function objectsOf(file: ManifestFile, document: Document): Placed[] {
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch {
    return [];
  }
  const place = (object: unknown, path: Path): Placed[] => {
    if (!isFields(object) || typeof object.kind !== "string" || !isFields(object.metadata)) return [];
    const { name, namespace } = object.metadata;
    if (typeof name !== "string") return [];
    const id = { kind: object.kind, namespace: typeof namespace === "string" ? namespace : "default", name };
    return [{ file, document, path, id, object }];
  };
  if (isFields(value) && Array.isArray(value.items)) return value.items.flatMap((item, index) => place(item, ["items", index]));
  return place(value, []);
}

/** Sets fields of an object, `undefined` takes one away, and writes the file. Everything else in it stays, comments included. */
export async function editObject(
  placed: Placed,
  changes: readonly { readonly path: Path; readonly value: string | undefined }[],
): Promise<Result<void>> {
  try {
    for (const { path, value } of changes) setField(placed.document, [...placed.path, ...path], value);
  } catch {
    return fail(
      "CannotEdit",
      `${placed.file.path} is written in a way that cannot be edited here (an alias, most likely); edit it by hand`,
    );
  }
  return write(placed.file, placed.document);
}

function setField(document: Document, path: Path, value: string | undefined): void {
  if (value === undefined) {
    if (document.hasIn(path)) document.deleteIn(path);
    const parent = path.slice(0, -1);
    const left = document.getIn(parent);
    // `annotations: {}` says nothing.
    if (path.at(-2) === "annotations" && isMap(left) && left.items.length === 0) document.deleteIn(parent);
    return;
  }
  for (let length = 1; length < path.length; length++) {
    const parent = path.slice(0, length);
    const node = document.getIn(parent, true);
    if (node === undefined || (isScalar(node) && node.value === null)) document.setIn(parent, document.createNode({}));
  }
  document.setIn(path, value);
}

/** Puts another document in the object's place, in the style of `source`, and writes the file. */
export function replaceObject(placed: Placed, replacement: Document, source: string): Promise<Result<void>> {
  if (placed.path.length === 0) return write(placed.file, placed.document, { document: replacement, source });
  placed.document.setIn(placed.path, replacement.contents);
  return write(placed.file, placed.document);
}

/** Takes an object out; the file goes when nothing else is in it. */
export async function removeObject({ file, document, path }: Placed): Promise<Result<void>> {
  if (path.length === 0) return write(file, document, "remove");
  document.deleteIn(path);
  return write(file, document);
}

/** Writes a new file for an object, named after it, in the style of `source`. Secrets are for their owner's eyes only. */
export async function addObject(
  dir: string,
  { kind, namespace, name }: ObjectId,
  document: Document,
  source: string,
): Promise<Result<string>> {
  const stem = kind === "WasmFilter" ? name : `${kind.toLowerCase()}-${name}`;
  const taken = new Set(await readdir(dir).catch(() => []));
  const choices = [`${stem}.yaml`, `${namespace}-${stem}.yaml`, `${namespace}-${stem}-${randomUUID().slice(0, 8)}.yaml`];
  const path = join(dir, choices.find((choice) => !taken.has(choice)) ?? `${randomUUID()}.yaml`);
  const written = await writeAtomically(
    path,
    textOf(document, source.replace(/^---[ \t]*\n/, ""), path),
    kind === "Secret" ? 0o600 : 0o644,
  );
  return written.ok ? ok(path) : written;
}

/** Writes the file with one document edited, replaced or removed, every other one as it was to the letter. */
async function write(
  file: ManifestFile,
  edited: Document,
  replacement: { readonly document: Document; readonly source: string } | "remove" | undefined = undefined,
): Promise<Result<void>> {
  const parts = sourcesOf(file.text, file.documents).map((text, index) => {
    if (file.documents[index] !== edited) return text;
    if (replacement === "remove") return "";
    return replacement === undefined ? textOf(edited, text, file.path) : textOf(replacement.document, replacement.source, file.path);
  });
  const first = parts.findIndex((part) => part.trim() !== "");
  const texts = parts.slice(Math.max(0, first)).filter((part) => part !== "");
  const text = texts.map((part, index) => (index > 0 && !part.startsWith("---") ? `---\n${part}` : part)).join("");
  // What is left of a file may be markers and nothing else.
  if (text.replace(/^(---|\.\.\.)\s*$/gm, "").trim() === "") return remove(file.path);
  return writeAtomically(file.path, text);
}

/** A document as text, in the style of the text it takes the place of. */
function textOf(document: Document, style: string, path: string): string {
  if (path.endsWith(".json")) return `${JSON.stringify(document.toJS(), null, 2)}\n`;
  const options: ToStringOptions = {
    lineWidth: 0,
    flowCollectionPadding: /[{[] +\S/.test(style),
    indentSeq: !/^( *)[^ #-][^\n]*:[ \t]*\n\1- /m.test(style),
  };
  const text = document.toString(options);
  return style.startsWith("---") ? text : bare(text);
}

function bare(text: string): string {
  return text.replace(/^---[ \t]*\n/, "");
}

async function remove(path: string): Promise<Result<void>> {
  try {
    await rm(path);
    return ok(undefined);
  } catch (error) {
    return fail("CannotWrite", `cannot remove ${path}: ${(error as NodeJS.ErrnoException).code ?? String(error)}`);
  }
}

/** Writes beside the file (or what it links to), then renames over it: a reader finds the old contents or the new, never a part. */
async function writeAtomically(path: string, text: string, mode?: number): Promise<Result<void>> {
  const target = await realpath(path).catch(() => path);
  const temporary = join(dirname(target), `.${basename(target)}.${randomUUID()}.tmp`);
  try {
    const kept = mode ?? (await stat(target)).mode & 0o777;
    await writeFile(temporary, text, { flag: "wx", mode: kept });
    await rename(temporary, target);
    return ok(undefined);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    return fail("CannotWrite", `cannot write ${path}: ${(error as NodeJS.ErrnoException).code ?? String(error)}`);
  }
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
