import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { isRecord } from "../../base/json.ts";
import { fail, ok, type Result } from "../../model/result.ts";

/** The same files that a folder source reads: of the folder itself, not hidden. */
const MANIFEST = /^[^.].*[.](ya?ml|json)$/;
const MAX_FILE_BYTES = 8 * 1024 * 1024;

/** Names an object of a folder. */
export interface ObjectId {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** An object as its manifest has it. */
export interface FolderObject {
  readonly id: ObjectId;
  readonly object: Readonly<Record<string, unknown>>;
}

export interface Folder {
  readonly objects: readonly FolderObject[];
  /** Files that could not be read, and why. */
  readonly problems: readonly string[];
}

/** Reads every manifest of a folder, in the order of their names. What is wrong inside an object is for others to find. */
export async function readFolder(dir: string): Promise<Result<Folder>> {
  try {
    const names = (await readdir(dir)).filter((name) => MANIFEST.test(name)).sort();
    const objects: FolderObject[] = [];
    const problems: string[] = [];
    for (const name of names) {
      const read = await readObjects(join(dir, name));
      if (read.ok) objects.push(...read.value);
      else problems.push(read.error.message);
    }
    return ok({ objects, problems });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    return fail("NoFolder", `cannot read the manifest folder ${dir} (${code}); make it, or name another with --filters`);
  }
}

async function readObjects(path: string): Promise<Result<readonly FolderObject[]>> {
  const stats = await stat(path).catch(() => undefined);
  if (stats?.isFile() !== true) return fail("NotAFile", `${path} is no file`);
  if (stats.size > MAX_FILE_BYTES) return fail("FileTooLarge", `${path} holds more than ${MAX_FILE_BYTES} bytes`);
  const documents = [...parseAllDocuments(await readFile(path, "utf8"), { merge: true })];
  const error = documents.flatMap((document) => document.errors)[0];
  if (error !== undefined) return fail("NotYaml", `${path} is no valid YAML (line ${error.linePos?.[0].line ?? "?"})`);
  try {
    return ok(documents.flatMap((document) => objectsIn(document.toJS({ maxAliasCount: 100 }))));
  } catch {
    return fail("NotYaml", `${path} is no valid YAML (an alias without its anchor, or too many of them)`);
  }
}

function objectsIn(value: unknown): FolderObject[] {
  if (!isRecord(value)) return [];
  if (Array.isArray(value.items)) return value.items.flatMap(objectsIn);
  if (typeof value.kind !== "string" || !isRecord(value.metadata)) return [];
  const { name, namespace } = value.metadata;
  if (typeof name !== "string") return [];
  return [{ id: { kind: value.kind, namespace: typeof namespace === "string" ? namespace : "default", name }, object: value }];
}
