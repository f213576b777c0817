import { existsSync } from "node:fs";
import { fieldsOf } from "../../base/json.ts";
import { type Clock, systemClock } from "../../model/clock.ts";
import { type BlobDigest, type Digest, isDigest } from "../../model/digest.ts";
import { fail, failForNow, ok, type Result } from "../../model/result.ts";
import { blobsOf, type ImageContent } from "../image/content.ts";
import { blobPath, guarded } from "../layout/files.ts";
import { createLayoutReader } from "../layout/folder.ts";
import { changeIndex, type IndexEntry, readIndex, whileLocked } from "../layout/index-file.ts";
import { type BlobDescriptor, type Descriptor, parseManifest } from "../repository/manifest.ts";
import { formatReference, imageName, parseReference, type RegistryReference, repositoryName } from "../repository/reference.ts";
import type { Repository, RepositoryReader } from "../repository/repository.ts";
import { deleteBlobs, namedBlobs, stage } from "./blobs.ts";
import { ADDED_ANNOTATION, type NamedImage, nameFor, nameOf, newest, subjectOf, withImage, withoutOrphans } from "./entries.ts";
import { createLocalRepository } from "./repository.ts";

/** An image on this machine. */
export interface LocalImage {
  /** By tag, or by digest where no tag leads to it (any more). `undefined`: another tool put it here without a name. */
  readonly name: RegistryReference | undefined;
  /** Of the manifest, as a registry has it. */
  readonly digest: Digest;
  /** Bytes of manifest, config and layers; `undefined` when the manifest is lost or damaged. */
  readonly size: number | undefined;
  /** RFC 3339: when it came under this name. */
  readonly added: string | undefined;
}

export interface RemovedImage {
  readonly untagged: readonly RegistryReference[];
  /** Images whose blobs were deleted too, since nothing else names them. */
  readonly deleted: readonly Digest[];
}

/**
 * The images that `weir build` and `weir pull` keep on this machine: an OCI image layout of names in full. Several processes may use it at once: one changes it at
 * a time, and readers find it whole. What ends a process in the middle leaves every image as it was, and files that a later `remove` deletes.
 * Failures of all: `LayoutUnreadable`, `LayoutBusy`, `LayoutFull`, `InvalidManifest` for an index.json that is none.
 */
export interface LocalImages {
  readonly directory: string;
  /** Keeps an image by the reference's tag, or by its digest if the reference has one. Fails also as reading the image does. */
  put(reference: RegistryReference, image: ImageContent, signal?: AbortSignal): Promise<Result<LocalImage>>;
  /** The image with this tag, or with this digest in the repository. */
  find(reference: RegistryReference): Promise<Result<LocalImage | undefined>>;
  /** Every image, by name. An image of two names is there twice. */
  list(): Promise<Result<readonly LocalImage[]>>;
  /** Takes a name away, and deletes what nothing else names. `what` is a reference, or the first 12 or more digits of a digest. Fails with `ImageNotFound`, `SeveralNames`. */
  remove(what: string): Promise<Result<RemovedImage>>;
  /** The images of one repository, for `inspectIn` and `readContent`. */
  repository(reference: RegistryReference): RepositoryReader;
  /** The same for writing: images by tag, and what refers to them, which goes with them. */
  open(reference: RegistryReference): Repository;
}

export interface LocalImagesOptions {
  readonly clock?: Clock;
  /** Images whose tag went to another one that are kept: each build replaces one. Beyond it the oldest go. Default 20. */
  readonly maxReplaced?: number;
}

/** The local images in `directory`; the first `put` makes it. */
export function openLocalImages(directory: string, { clock = systemClock, maxReplaced = 20 }: LocalImagesOptions = {}): LocalImages {
  return new LayoutImages(directory, clock, maxReplaced);
}

class LayoutImages implements LocalImages {
  readonly directory: string;
  private readonly clock: Clock;
  private readonly maxReplaced: number;
  private readonly name: string;
  /** Of all repositories. */
  private readonly all: RepositoryReader;

  constructor(directory: string, clock: Clock, maxReplaced: number) {
    this.directory = directory;
    this.clock = clock;
    this.maxReplaced = maxReplaced;
    this.name = `the local images in ${directory}`;
    this.all = createLayoutReader(directory, this.name, () => undefined);
  }

  async put(reference: RegistryReference, image: ImageContent, signal?: AbortSignal): Promise<Result<LocalImage>> {
    const { digest, mediaType, bytes } = image.manifest;
    const name = nameFor(reference, digest);
    const added = new Date(this.clock.now()).toISOString();
    const descriptor = { mediaType, digest, size: bytes.byteLength };
    return this.guarded(async () => {
      const staged = await stage(this.directory, this.all, image, signal);
      if (!staged.ok) return staged;
      try {
        const written = await this.locked(async () => {
          await staged.value.place();
          return this.change((entries) => newest(withImage(entries, { name, descriptor }, added), this.maxReplaced));
        });
        return written.ok ? ok({ name, digest, size: sizeOf(descriptor, image.blobs), added }) : written;
      } finally {
        await staged.value.discard();
      }
    });
  }

  async find(reference: RegistryReference): Promise<Result<LocalImage | undefined>> {
    const entries = await this.entries();
    if (!entries.ok) return entries;
    const found = entries.value.find((entry) => isNamed(entry, reference));
    return ok(found === undefined ? undefined : await this.describe(found));
  }

  async list(): Promise<Result<readonly LocalImage[]>> {
    const entries = await this.images();
    if (!entries.ok) return entries;
    const images: LocalImage[] = [];
    for (const entry of entries.value) images.push(await this.describe(entry));
    return ok(images.sort((a, b) => compare(shown(a), shown(b)) || compare(b.added ?? "", a.added ?? "")));
  }

  async remove(what: string): Promise<Result<RemovedImage>> {
    return this.guarded(() =>
      this.locked(async () => {
        const entries = await this.images();
        if (!entries.ok) return entries;
        const chosen = choose(entries.value, what);
        if (!chosen.ok) return chosen;
        const gone = new Set(chosen.value);
        const changed = await this.change((all) => all.filter((entry) => ![...gone].some((each) => isSame(entry, each))));
        if (!changed.ok) return changed;
        const left = new Set(entries.value.filter((entry) => !gone.has(entry)).map(({ digest }) => digest));
        return ok({
          untagged: chosen.value.flatMap(({ annotations }) => nameOf(annotations) ?? []),
          deleted: [...new Set(chosen.value.map(({ digest }) => digest))].filter((digest) => !left.has(digest)),
        });
      }),
    );
  }

  repository(reference: RegistryReference): RepositoryReader {
    const repository = repositoryName(reference);
    const reader = createLayoutReader(this.directory, repository, ({ annotations }) => {
      const name = nameOf(annotations);
      return name !== undefined && repositoryName(name) === repository ? name.tag : undefined;
    });
    return {
      ...reader,
      async manifest(wanted) {
        const raw = await reader.manifest(wanted);
        if (raw.ok || raw.error.reason !== "ImageNotFound") return raw;
        return fail("ImageNotFound", `there is no image ${imageName(repository, wanted)} on this machine; weir list shows those that are`);
      },
    };
  }

  open(reference: RegistryReference): Repository {
    const folder = { directory: this.directory, name: this.name };
    return createLocalRepository(folder, this.repository(reference), (tag, descriptor) =>
      this.locked(() => this.give({ name: { ...reference, tag, digest: undefined }, descriptor })),
    );
  }

  /** Gives a manifest a name. To be called while locked. */
  private async give(image: NamedImage): Promise<Result<void>> {
    const needed = await namedBlobs(this.all, [image.descriptor.digest]);
    const missing = [...(needed ?? [])].find((digest) => !existsSync(blobPath(this.directory, digest)));
    if (needed === undefined || missing !== undefined)
      return failForNow("LayoutBusy", `another process removed a part of ${formatReference(image.name)} meanwhile; try again`);
    const added = new Date(this.clock.now()).toISOString();
    return this.change((entries) => newest(withImage(entries, image, added), this.maxReplaced), image.descriptor.digest);
  }

  private guarded<T>(work: () => Promise<Result<T>>): Promise<Result<T>> {
    return guarded({ directory: this.directory, name: this.name }, work);
  }

  private locked<T>(work: () => Promise<Result<T>>): Promise<Result<T>> {
    return whileLocked(this.directory, this.name, work);
  }

  /** Writes the index, then deletes what only entries that went from it name. `added`: a manifest that it gets. */
  private async change(change: (entries: readonly IndexEntry[]) => readonly IndexEntry[], added?: Digest): Promise<Result<void>> {
    let kept: ReadonlySet<Digest> = new Set();
    let gone: readonly Digest[] = [];
    const listed = await this.listedReferrers(added);
    const changed = await changeIndex(this.directory, this.name, (before) => {
      const after = withoutOrphans(change(before), listed);
      kept = digestsOf(after);
      gone = [...digestsOf(before)].filter((digest) => !kept.has(digest));
      return after;
    });
    if (!changed.ok || gone.length === 0) return changed;
    const named = await namedBlobs(this.all, [...kept]);
    // Nothing goes while it is not known what a damaged image needs.
    if (named === undefined) return ok(undefined);
    const unwanted = new Set<BlobDigest>(gone);
    for (const digest of gone) for (const blob of (await namedBlobs(this.all, [digest])) ?? []) unwanted.add(blob);
    await deleteBlobs(this.directory, named, unwanted, this.clock.now());
    return ok(undefined);
  }

  /** What each list of referrers names, and what the one that is added does. */
  private async listedReferrers(added: Digest | undefined): Promise<ReadonlyMap<unknown, readonly Digest[]>> {
    const entries = await this.entries();
    const lists = (entries.ok ? entries.value : []).filter(({ annotations }) => subjectOf(nameOf(annotations)) !== undefined);
    const listed = new Map<unknown, readonly Digest[]>();
    for (const digest of [...lists.map((list) => list.digest), ...(added === undefined ? [] : [added])]) {
      const raw = await this.all.manifest(digest);
      const parsed = raw.ok ? parseManifest(raw.value, digest) : raw;
      const named = parsed.ok && parsed.value.kind === "index" ? parsed.value.manifests : [];
      listed.set(
        digest,
        named.map((each) => each.digest),
      );
    }
    return listed;
  }

  /** The images: not what refers to them. */
  private async images(): Promise<Result<readonly Descriptor[]>> {
    const entries = await this.entries();
    return entries.ok ? ok(entries.value.filter(({ annotations }) => subjectOf(nameOf(annotations)) === undefined)) : entries;
  }

  private async entries(): Promise<Result<readonly Descriptor[]>> {
    const index = await readIndex(this.directory, this.name);
    if (index.ok) return ok(index.value.manifests);
    return index.error.reason === "ImageNotFound" ? ok([]) : index;
  }

  private async describe(entry: Descriptor): Promise<LocalImage> {
    const raw = await this.all.manifest(entry.digest);
    const parsed = raw.ok ? parseManifest(raw.value, entry.digest) : raw;
    const blobs = parsed.ok && parsed.value.kind === "manifest" ? blobsOf(parsed.value) : [];
    return {
      name: nameOf(entry.annotations),
      digest: entry.digest,
      size: parsed.ok ? sizeOf(entry, blobs) : undefined,
      added: entry.annotations[ADDED_ANNOTATION],
    };
  }
}

/** What `remove` is to take away. */
function choose(entries: readonly Descriptor[], what: string): Result<readonly Descriptor[]> {
  const reference = parseReference(what);
  if (reference.ok && reference.value.kind === "registry") {
    const { value } = reference;
    const named = entries.filter((entry) => isNamed(entry, value));
    if (value.digest === undefined ? named.length > 0 : named.length === 1) return ok(named.slice(0, 1));
    if (named.length > 1) return severalNames(what, named);
  }
  const digits = what.replace(/^sha256:/, "");
  const found = /^[a-f0-9]{12,64}$/.test(digits) ? entries.filter(({ digest }) => digest.startsWith(`sha256:${digits}`)) : [];
  if (found.length === 1) return ok(found);
  return found.length > 1
    ? severalNames(what, found)
    : fail("ImageNotFound", `there is no local image ${JSON.stringify(what)}; weir list shows those that are there`);
}

function severalNames(what: string, entries: readonly Descriptor[]) {
  const names = entries.map(({ annotations, digest }) => shown({ name: nameOf(annotations), digest }));
  return fail("SeveralNames", `${what} has several names here (${names.slice(0, 5).join(", ")}); remove it by each of them`);
}

function isNamed({ annotations, digest }: Descriptor, wanted: RegistryReference): boolean {
  const name = nameOf(annotations);
  if (name === undefined || repositoryName(name) !== repositoryName(wanted)) return false;
  return wanted.digest === undefined ? name.tag === wanted.tag : digest === wanted.digest;
}

/** True for an entry of the index as it was read and as it is written. */
function isSame(entry: IndexEntry, { digest, annotations }: Descriptor): boolean {
  if (entry.digest !== digest) return false;
  const [a, b] = [nameOf(fieldsOf(entry.annotations)), nameOf(annotations)];
  return a === undefined || b === undefined ? a === b : formatReference(a) === formatReference(b);
}

function digestsOf(entries: readonly IndexEntry[]): ReadonlySet<Digest> {
  return new Set(entries.flatMap(({ digest }) => (typeof digest === "string" && isDigest(digest) ? [digest] : [])));
}

function sizeOf({ size }: { readonly size: number }, blobs: readonly BlobDescriptor[]): number {
  return blobs.reduce((sum, blob) => sum + blob.size, size);
}

function shown({ name, digest }: Pick<LocalImage, "name" | "digest">): string {
  return name === undefined ? digest : formatReference(name);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
