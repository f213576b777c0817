import { stat } from "node:fs/promises";
import { join } from "node:path";
import { whyUnread } from "../../base/error.ts";
import { KIND } from "../../model/gen/wasmfilter.ts";
import { POLICY_KIND } from "../../model/gen/wasmpolicy.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import {
  cutYaml,
  describeForeign,
  formatOf,
  isClusterScoped,
  MAX_FILE_BYTES,
  type ManifestFormat,
  type ManifestObject,
  manifestNames,
  printYaml,
  readManifest,
  readManifestText,
} from "../../operator/index.ts";
import type { Terminal } from "../terminal.ts";
import type { Manifest, ManifestText, ObjectId } from "./client.ts";

/** The object that a manifest is about; `fallback`: the namespace where it names none. */
export function objectOf({ kind, metadata }: Manifest, fallback: string): ObjectId {
  return { kind, namespace: isClusterScoped(kind) ? "" : (metadata.namespace ?? fallback), name: metadata.name };
}

/** The objects of all these files and folders, in their order. */
export async function readAllManifests(paths: readonly string[], terminal: Terminal): Promise<Result<readonly ManifestText[]>> {
  const all: ManifestText[] = [];
  for (const path of paths) {
    const read = await readManifests(path, terminal);
    if (!read.ok) return read;
    all.push(...read.value);
  }
  return ok(all);
}

/** As Helm orders what it installs: what rules filters first, then what they name, then they. */
const APPLIED: readonly string[] = ["Namespace", POLICY_KIND, "ConfigMap", "Secret", KIND];

/** The order in which a set is applied, so that a policy of it counts for its filters. Objects of a kind keep theirs. */
export function inApplyOrder(manifests: readonly ManifestText[]): readonly ManifestText[] {
  return manifests.toSorted((a, b) => APPLIED.indexOf(a.manifest.kind) - APPLIED.indexOf(b.manifest.kind));
}

/** Reads `-` (stdin), a file, or the YAML and JSON files of a folder. Fails when anything in it is not Weir's to apply. */
export async function readManifests(path: string, terminal: Terminal): Promise<Result<readonly ManifestText[]>> {
  if (path === "-") {
    const text = await terminal.readInput(MAX_FILE_BYTES);
    return text.ok ? parseManifests(text.value, "stdin") : text;
  }
  try {
    const folder = (await stat(path)).isDirectory() ? await manifestNames(path) : undefined;
    if (folder?.problem !== undefined) return fail("TooManyManifests", `${path}: ${folder.problem}`);
    const files = folder?.read.map((name) => join(path, name)) ?? [path];
    if (files.length === 0) return fail("NoManifests", `the folder ${path} holds no .yaml, .yml or .json file`);
    const all: ManifestText[] = [];
    for (const file of files) {
      const text = await readManifestText(file);
      if (!text.ok) return fail(text.error.reason, `${file}: ${text.error.message}`);
      const parsed = parseManifests(text.value, file, formatOf(file));
      if (!parsed.ok) return parsed;
      all.push(...parsed.value);
    }
    return ok(all);
  } catch (error) {
    return fail("CannotRead", `${path} ${whyUnread(error)}`);
  }
}

/** The objects of a manifest. Fails when one of them is wrong or is not Weir's, and when there is none. `where`: for messages. */
export function parseManifests(text: string, where: string, format: ManifestFormat = "yaml"): Result<readonly ManifestText[]> {
  const manifest = readManifest(text, format);
  if (!manifest.ok) return fail(manifest.error.reason, `${where}: ${manifest.error.message}`);
  const { objects, foreign, problems } = manifest.value;
  if (problems.length > 0) return fail("InvalidManifest", `${where}: ${problems.join(" | ")}`);
  const [other] = foreign;
  if (other !== undefined) return fail("UnknownKind", `${where}: line ${other.line}: ${describeForeign(other)}; apply it with kubectl`);
  if (objects.length === 0) return fail("NoManifests", `${where} holds no object`);
  const documents = format === "json" ? [text] : cutYaml(text).documents;
  const one = objects.length === 1;
  return ok(objects.map((object) => toText(object, documents, one ? where : `${where}, line ${object.line}`, format)));
}

/** An item of a List has no text of its own: it gets one. */
function toText(
  { kind, name, fields, document }: ManifestObject,
  documents: readonly string[],
  where: string,
  format: ManifestFormat,
): ManifestText {
  const text = document === undefined ? undefined : documents[document];
  const manifest = { ...fields, kind, metadata: { ...(fields.metadata as object), name } };
  return text === undefined ? { manifest, where, text: printYaml(fields), format: "yaml" } : { manifest, where, text, format };
}
