import type { Readme } from "../../model/catalog.ts";
import { type Digest, isDigest } from "../../model/digest.ts";
import { ok, type Result } from "../../model/result.ts";
import { fetchDocument, readEntries } from "../image/index-entries.ts";
import type { BlobDescriptor, Manifest } from "../repository/manifest.ts";
import { listReferrers } from "../repository/referrers.ts";
import type { RepositoryReader } from "../repository/repository.ts";

/** Larger ones are not fetched: a README is for people. */
const MAX_FETCHED_BYTES = 1 << 20;
/** What is kept of one. */
const MAX_SHOWN = 32 << 10;

/** Documents of an index, and referrers, that are looked at for a README. */
const MAX_DOCUMENTS = 8;

const MARKDOWN = /^text\/markdown\b/i;

/**
 * The README of an image: a layer `text/markdown`, as `weir push --readme` and oras write it, or a manifest of that artifact type which refers to the image.
 * `undefined`: it has none. An address of a README is for people to follow: nothing is fetched from it.
 */
export async function fetchReadme(repository: RepositoryReader, digest: Digest, signal?: AbortSignal): Promise<Result<Readme | undefined>> {
  const where = `${repository.name}@${digest}`;
  const document = await fetchDocument(repository, digest, where, signal);
  if (!document.ok) return document;
  const manifests = [document.value].flatMap((each) => (each.kind === "manifest" ? [each] : []));
  if (document.value.kind === "index") {
    const read = await readEntries(repository, document.value, where, signal);
    if (!read.ok) return read;
    manifests.push(...read.value.entries.slice(0, MAX_DOCUMENTS).map(({ manifest }) => manifest));
  }
  const inside = manifests.map(layerOf).find((layer) => layer !== undefined);
  if (inside !== undefined) return readText(repository, inside, signal);
  return fromReferrers(repository, digest, signal);
}

async function fromReferrers(repository: RepositoryReader, digest: Digest, signal?: AbortSignal): Promise<Result<Readme | undefined>> {
  const listed = await listReferrers(repository, digest, signal);
  if (!listed.ok) return listed;
  const candidates = listed.value.filter(({ artifactType }) => MARKDOWN.test(artifactType ?? "")).slice(-MAX_DOCUMENTS);
  // What was added last comes last.
  for (const candidate of candidates.toReversed()) {
    if (!isDigest(candidate.digest)) continue;
    const document = await fetchDocument(repository, candidate.digest, `${repository.name}@${candidate.digest}`, signal);
    const layer = document.ok && document.value.kind === "manifest" ? layerOf(document.value) : undefined;
    if (layer !== undefined) return readText(repository, layer, signal);
  }
  return ok(undefined);
}

function layerOf({ layers }: Manifest): BlobDescriptor | undefined {
  return layers.find(({ mediaType }) => MARKDOWN.test(mediaType));
}

async function readText(repository: RepositoryReader, layer: BlobDescriptor, signal?: AbortSignal): Promise<Result<Readme | undefined>> {
  if (layer.size > MAX_FETCHED_BYTES) return ok({ text: "", isCut: true });
  const blob = await repository.blob(layer, MAX_FETCHED_BYTES, signal);
  if (!blob.ok) return blob;
  const text = new TextDecoder().decode(blob.value);
  const isCut = text.length > MAX_SHOWN;
  return ok({ text: isCut ? text.slice(0, Math.max(1, text.lastIndexOf("\n", MAX_SHOWN))) : text, isCut });
}
