import type { Digest } from "../../model/digest.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { blobsOf, foreignContent } from "../image/content.ts";
import { printBytes } from "../repository/bytes.ts";
import { type BlobDescriptor, type Manifest, parseManifest, type RawManifest } from "../repository/manifest.ts";
import { imageName } from "../repository/reference.ts";
import type { RepositoryReader } from "../repository/repository.ts";

/** A manifest or an index as it is, with the blobs that it names itself. */
export interface Document {
  readonly raw: RawManifest;
  readonly blobs: readonly BlobDescriptor[];
  /** What a list of referrers says of it. */
  readonly artifactType: string;
  readonly annotations: Readonly<Record<string, string>>;
}

/** Of one image: what a registry says is bounded before any of it is copied. */
const MAX_DOCUMENTS = 512;
/** Bytes of all its blobs. */
const MAX_BYTES = 16 * 2 ** 30;
/** An index of indexes goes no deeper. */
const MAX_DEPTH = 3;

/** What a tag or digest leads to. */
export interface Tree {
  /** The document itself. */
  readonly root: Document;
  /** Those that it leads to, what an index names before the index. */
  readonly inside: readonly Document[];
}

/**
 * Every document that a tag or digest leads to, each once. An index is whole or the copy fails: a digest stands for all that is
 * in it. Fails with `ImageTooLarge`, or as reading does.
 */
export async function readTree(source: RepositoryReader, wanted: string, signal?: AbortSignal): Promise<Result<Tree>> {
  const documents = new Map<Digest, Document>();
  const visit = async (reference: string, depth: number): Promise<Result<Document>> => {
    const known = documents.get(reference as Digest);
    if (known !== undefined) return ok(known);
    const where = imageName(source.name, reference);
    const raw = await source.manifest(reference, signal);
    if (!raw.ok) return raw;
    const parsed = parseManifest(raw.value, where);
    if (!parsed.ok) return parsed;
    const found = parsed.value;
    if (found.foreign > 0) return foreignContent(where, found);
    const children = found.kind === "index" ? found.manifests : [];
    if (depth >= MAX_DEPTH && children.length > 0)
      return fail("ImageTooLarge", `${where} is an index of indexes of indexes, deeper than any image is`);
    if (documents.size + children.length >= MAX_DOCUMENTS)
      return fail("ImageTooLarge", `${where} leads to more than ${MAX_DOCUMENTS} manifests; copy those that are needed, by digest`);
    for (const child of children) {
      const read = await visit(child.digest, depth + 1);
      if (!read.ok) return read;
    }
    const document: Document = {
      raw: { ...raw.value, mediaType: found.mediaType },
      blobs: found.kind === "manifest" ? blobsOf(found) : [],
      artifactType: found.kind === "manifest" ? artifactTypeOf(found) : "",
      annotations: found.annotations,
    };
    documents.set(raw.value.digest, document);
    return ok(document);
  };
  const root = await visit(wanted, 0);
  if (!root.ok) return root;
  const all = [...documents.values()];
  const sizes = new Map(all.flatMap(({ blobs }) => blobs.map(({ digest, size }) => [digest, size] as const)));
  const bytes = sizes.values().reduce((sum, size) => sum + size, 0);
  if (bytes <= MAX_BYTES) return ok({ root: root.value, inside: all.slice(0, -1) });
  return fail(
    "ImageTooLarge",
    `the blobs of ${source.name} ${wanted} have ${printBytes(bytes)} together; the limit is ${printBytes(MAX_BYTES)}`,
  );
}

/** https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers */
function artifactTypeOf({ artifactType, config }: Manifest): string {
  return artifactType ?? config?.mediaType ?? "";
}
