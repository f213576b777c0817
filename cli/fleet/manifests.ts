import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Document, parseAllDocuments } from "yaml";
import { messageOf } from "../../base/error.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import type { Terminal } from "../terminal.ts";

const MAX_BYTES = 8 * 1024 * 1024;
/** What Weir's desired state is made of; anything else in a file is somebody else's to apply. */
const KINDS: Readonly<Record<string, string>> = { WasmFilter: "weir.dev/v1alpha1", Secret: "v1", ConfigMap: "v1" };

/** A Kubernetes object as a manifest writes it. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly [key: string]: unknown };
  readonly [key: string]: unknown;
}

/** One object of a file, with the text it was written as: comments and order included. */
export interface ManifestText {
  readonly manifest: Manifest;
  readonly text: string;
  /** File and number of the document in it, for messages. */
  readonly where: string;
}

/** Reads `-` (stdin), a file, or the YAML and JSON files of a folder. Checks that each document is an object that Weir reads, no more. */
export async function readManifests(path: string, terminal: Terminal): Promise<Result<readonly ManifestText[]>> {
  if (path === "-") {
    const text = await terminal.readInput(MAX_BYTES);
    return text.ok ? parseManifests(text.value, "stdin") : text;
  }
  try {
    const files = (await stat(path)).isDirectory() ? await filesOf(path) : [path];
    if (files.length === 0) return fail("NoManifests", `the folder ${path} holds no .yaml, .yml or .json file`);
    const all: ManifestText[] = [];
    for (const file of files) {
      if ((await stat(file)).size > MAX_BYTES) return fail("FileTooLarge", `${file} holds more than ${MAX_BYTES} bytes`);
      const parsed = parseManifests(await readFile(file, "utf8"), file);
      if (!parsed.ok) return parsed;
      all.push(...parsed.value);
    }
    return ok(all);
  } catch (error) {
    return fail("CannotRead", `cannot read ${path}: ${(error as NodeJS.ErrnoException).code ?? String(error)}`);
  }
}

async function filesOf(dir: string): Promise<readonly string[]> {
  const names = (await readdir(dir)).filter((name) => /\.(ya?ml|json)$/.test(name) && !name.startsWith("."));
  return names.sort().map((name) => join(dir, name));
}

/** The objects of a YAML stream (JSON is YAML). Empty documents are skipped; a stream of nothing is a failure. */
export function parseManifests(text: string, where: string): Result<readonly ManifestText[]> {
  const found: ManifestText[] = [];
  const documents = [...parseAllDocuments(text, { merge: true })];
  const sources = sourcesOf(text, documents);
  for (const [index, document] of documents.entries()) {
    const here = index === 0 ? where : `${where}, document ${index + 1}`;
    const [error] = document.errors;
    if (error !== undefined) return fail("NotYaml", `${here} is no valid YAML: ${error.message.split("\n")[0]}`);
    const value = toValue(document);
    if (!value.ok) return fail("NotYaml", `${here} is no valid YAML: ${value.error.message}`);
    if (value.value === null || value.value === undefined) continue;
    const manifest = checkManifest(value.value, here);
    if (!manifest.ok) return manifest;
    found.push({ manifest: manifest.value, text: sources[index] ?? String(document), where: here });
  }
  return found.length === 0 ? fail("NoManifests", `${where} holds no object`) : ok(found);
}

/** The text of each document of a stream, the comments before it and its markers included: put together they are the stream again. */
export function sourcesOf(text: string, documents: readonly Document.Parsed[]): readonly string[] {
  let start = 0;
  return documents.map((document, index) => {
    const end = index === documents.length - 1 ? text.length : document.range[2];
    const source = text.slice(start, end);
    start = end;
    return source;
  });
}

/** Reading aliases may fail by design: a few bytes of YAML can stand for gigabytes. */
function toValue(document: { toJS(options: { maxAliasCount: number }): unknown }): Result<unknown> {
  try {
    return ok(document.toJS({ maxAliasCount: 100 }));
  } catch (error) {
    return fail("NotYaml", messageOf(error));
  }
}

function checkManifest(value: unknown, where: string): Result<Manifest> {
  const object = value as Partial<Manifest>;
  const name = object?.metadata?.name;
  const wanted = typeof object?.kind === "string" && Object.hasOwn(KINDS, object.kind) ? KINDS[object.kind] : undefined;
  if (wanted === undefined || object.apiVersion !== wanted) {
    const found = `${object?.kind ?? "no kind"} (${object?.apiVersion ?? "no apiVersion"})`;
    const kinds = Object.entries(KINDS).map(([kind, version]) => `${kind} (${version})`);
    return fail("UnknownKind", `${where}: ${found} is nothing that weir applies; it takes ${kinds.join(", ")}, kubectl the rest`);
  }
  if (typeof name !== "string" || name === "") return fail("NoName", `${where}: this ${object.kind} has no metadata.name`);
  return ok(object as Manifest);
}
