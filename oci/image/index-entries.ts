import { fail, ok, type Result } from "../../model/result.ts";
import { type Index, type Manifest, parseManifest } from "../repository/manifest.ts";
import type { RepositoryReader } from "../repository/repository.ts";
import { candidates, type IndexEntry } from "./select.ts";

/** Documents that one index leads to. */
const MAX_INDEX_ENTRIES = 64;

export interface IndexEntries {
  /** In the order of the index; those of an index in it stand in its place. */
  readonly entries: readonly IndexEntry[];
  /** Every one of them was read. */
  readonly isWhole: boolean;
  /** How many the index, and those in it, name by another hash than sha256. */
  readonly foreign: number;
}

export async function fetchDocument(
  repository: RepositoryReader,
  wanted: string,
  where: string,
  signal?: AbortSignal,
): Promise<Result<Manifest | Index>> {
  const raw = await repository.manifest(wanted, signal);
  return raw.ok ? parseManifest(raw.value, where) : raw;
}

/** The images of an index, and of the indexes in it. Fails with `AmbiguousIndex` for too many, or as reading one does. */
export async function readEntries(
  repository: RepositoryReader,
  index: Index,
  where: string,
  signal?: AbortSignal,
): Promise<Result<IndexEntries>> {
  const entries: IndexEntry[] = [];
  const waiting = [...candidates(index)];
  let { foreign } = index;
  let isWhole = true;
  let read = 0;
  for (let descriptor = waiting.shift(); descriptor !== undefined; descriptor = waiting.shift()) {
    if (++read + waiting.length > MAX_INDEX_ENTRIES) {
      const what = `${where} is an index of ${read + waiting.length} images or more`;
      return fail("AmbiguousIndex", `${what}; name the one that carries the module by digest`);
    }
    const document = await fetchDocument(repository, descriptor.digest, `${repository.name}@${descriptor.digest}`, signal);
    if (document.ok) {
      if (document.value.kind === "manifest") entries.push({ descriptor, manifest: document.value });
      else {
        waiting.unshift(...candidates(document.value));
        foreign += document.value.foreign;
      }
      continue;
    }
    // An index may list images that were not copied with it, and manifests that are no images.
    if (document.error.reason !== "ImageNotFound" && document.error.reason !== "InvalidManifest") return document;
    isWhole = false;
  }
  return ok({ entries, isWhole, foreign });
}
