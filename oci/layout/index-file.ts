import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomically } from "../../base/atomic-file.ts";
import { hasCode, messageOf } from "../../base/error.ts";
import { isRecord } from "../../base/json.ts";
import { digestOf } from "../../model/digest.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { printBytes } from "../repository/bytes.ts";
import { type Descriptor, type Index, MAX_MANIFEST_BYTES, manifestTypes, parseManifest } from "../repository/manifest.ts";
import { readBounded } from "./read-bounded.ts";

/** https://github.com/opencontainers/image-spec/blob/main/annotations.md#pre-defined-annotation-keys */
export const TAG_ANNOTATION = "org.opencontainers.image.ref.name";

/** The folder's index.json. Fails with `ImageNotFound` when there is no layout, `InvalidManifest` when it is no index. */
export async function readIndex(directory: string, name: string): Promise<Result<Index>> {
  let bytes: Uint8Array | undefined;
  try {
    bytes = await readBounded(join(directory, "index.json"), MAX_MANIFEST_BYTES);
  } catch (error) {
    if (!hasCode(error, "ENOENT", "ENOTDIR")) return fail("LayoutUnreadable", `${name} cannot be read (${messageOf(error)})`);
    return fail("ImageNotFound", `${name} is not an OCI image layout: ${directory} has no index.json`);
  }
  if (bytes === undefined)
    return fail(
      "InvalidManifest",
      `the index.json of ${name} is larger than ${printBytes(MAX_MANIFEST_BYTES)}; remove entries that nothing needs`,
    );
  const parsed = parseManifest({ bytes, digest: digestOf(bytes), mediaType: manifestTypes.ociIndex }, `the index.json of ${name}`);
  if (!parsed.ok) return parsed;
  return parsed.value.kind === "index" ? ok(parsed.value) : fail("InvalidManifest", `the index.json of ${name} is not an image index`);
}

/** Adds or moves the tag. The image that had it stays listed without a tag, so that its digest still works and no tool removes it as garbage. */
export async function addToIndex(directory: string, name: string, entry: Descriptor, tag: string | undefined): Promise<Result<void>> {
  const path = join(directory, "index.json");
  const current = await readIndex(directory, name);
  if (!current.ok && current.error.reason !== "ImageNotFound") return current;
  const document: unknown = current.ok ? JSON.parse(await readFile(path, "utf8")) : {};
  const listed = isRecord(document) && Array.isArray(document.manifests) ? document.manifests.filter(isRecord) : [];
  const { annotations: _, ...descriptor } = entry;
  const added: Record<string, unknown> = tag === undefined ? descriptor : { ...descriptor, annotations: { [TAG_ANNOTATION]: tag } };
  const all = [...listed.map((manifest) => withoutTag(manifest, tag)), added];
  const tagged = new Set(all.filter((manifest) => tagOf(manifest) !== undefined).map(({ digest }) => digest));
  const untagged = new Map(all.filter(({ digest }) => !tagged.has(digest)).map((manifest) => [manifest.digest, manifest]));
  const manifests = [...untagged.values(), ...all.filter((manifest) => tagOf(manifest) !== undefined)];
  const index = { ...(isRecord(document) ? document : {}), schemaVersion: 2, mediaType: manifestTypes.ociIndex, manifests };
  await writeFileAtomically(path, Buffer.from(`${JSON.stringify(index, undefined, 2)}\n`));
  return ok(undefined);
}

function tagOf({ annotations }: Record<string, unknown>): unknown {
  return isRecord(annotations) ? annotations[TAG_ANNOTATION] : undefined;
}

function withoutTag(manifest: Record<string, unknown>, tag: string | undefined): Record<string, unknown> {
  if (tag === undefined || tagOf(manifest) !== tag || !isRecord(manifest.annotations)) return manifest;
  const { [TAG_ANNOTATION]: _, ...annotations } = manifest.annotations;
  return { ...manifest, annotations };
}
