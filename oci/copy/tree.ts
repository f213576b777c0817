import type { Digest } from "../../model/digest.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { blobsOf } from "../image/content.ts";
import { printBytes } from "../repository/bytes.ts";
import { type Descriptor, type Manifest, parseManifest, type RawManifest } from "../repository/manifest.ts";
import type { RepositoryReader } from "../repository/repository.ts";

/** A manifest or an index as it is, with the blobs that it names itself. */
export interface Document {
  readonly raw: RawManifest;
  readonly blobs: readonly Descriptor[];
  /** What a list of referrers says of it. */
  readonly artifactType: string;
  readonly annotations: Readonly<Record<string, string>>;
}

/** Of one image: what a registry says is bounded before any of it is copied. */
export interface CopyLimits {
  readonly documents: number;
  /** Bytes of all blobs. */
  readonly bytes: number;
}

export const copyLimits: CopyLimits = { documents: 512, bytes: 16 * 2 ** 30 };

/** An index of indexes goes no deeper. */
const MAX_DEPTH = 3;

/**
 * Every document that a tag or digest leads to, what an index names before the index, each once. An index is whole or the copy fails: a digest stands for all that is
 * in it. Fails with `ImageTooLarge`, or as reading does.
 */
export async function readTree(
  source: RepositoryReader,
  wanted: string,
  limits: CopyLimits,
  signal?: AbortSignal,
): Promise<Result<readonly Document[]>> {
  const documents = new Map<Digest, Document>();
  const visit = async (reference: string, depth: number): Promise<Result<void>> => {
    if (documents.has(reference as Digest)) return ok(undefined);
    const where = `${source.name}${reference.startsWith("sha256:") ? "@" : ":"}${reference}`;
    const raw = await source.manifest(reference, signal);
    if (!raw.ok) return raw;
    const parsed = parseManifest(raw.value, where);
    if (!parsed.ok) return parsed;
    const document = parsed.value;
    if (document.kind === "manifest" && document.foreign > 0)
      return fail(
        "InvalidManifest",
        `${where} names ${document.foreign} blobs by another hash than sha256; copy it with the tool that made it`,
      );
    const children = document.kind === "index" ? document.manifests : [];
    if (depth >= MAX_DEPTH && children.length > 0)
      return fail("ImageTooLarge", `${where} is an index of indexes of indexes, deeper than any image is`);
    if (documents.size + children.length >= limits.documents)
      return fail("ImageTooLarge", `${where} leads to more than ${limits.documents} manifests; copy those that are needed, by digest`);
    for (const child of children) {
      const read = await visit(child.digest, depth + 1);
      if (!read.ok) return read;
    }
    documents.set(raw.value.digest, {
      raw: { ...raw.value, mediaType: document.mediaType },
      blobs: document.kind === "manifest" ? blobsOf(document) : [],
      artifactType: document.kind === "manifest" ? artifactTypeOf(document) : "",
      annotations: document.annotations,
    });
    return ok(undefined);
  };
  const read = await visit(wanted, 0);
  if (!read.ok) return read;
  const all = [...documents.values()];
  const sizes = new Map(all.flatMap(({ blobs }) => blobs.map(({ digest, size }) => [digest, size] as const)));
  const bytes = sizes.values().reduce((sum, size) => sum + size, 0);
  if (bytes <= limits.bytes) return ok(all);
  return fail(
    "ImageTooLarge",
    `the blobs of ${source.name} ${wanted} have ${printBytes(bytes)} together; the limit is ${printBytes(limits.bytes)}`,
  );
}

/** https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers */
function artifactTypeOf({ artifactType, config }: Manifest): string {
  return artifactType ?? config?.mediaType ?? "";
}
