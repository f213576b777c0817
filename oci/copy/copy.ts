import type { BlobDigest, Digest } from "../../model/digest.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { writeManifest } from "../image/content.ts";
import type { BlobDescriptor } from "../repository/manifest.ts";
import { addReferrer, listReferrers, referrersTag } from "../repository/referrers.ts";
import type { Repository, RepositoryReader } from "../repository/repository.ts";
import { Broken } from "../repository/transfer.ts";
import { type Document, readTree, type Tree } from "./tree.ts";

export interface CopyOptions {
  /** Signatures, SBOMs and whatever else refers to the image go along. */
  readonly referrers: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** What was done. */
export interface Copied {
  readonly digest: Digest;
  /** Manifests and indexes of the image. */
  readonly documents: number;
  /** Manifests that refer to them, in either way of keeping them. */
  readonly referrers: number;
  /** Blobs that came with their bytes, that were taken over from another repository of the same registry, and that were there. */
  readonly blobs: { readonly sent: number; readonly mounted: number; readonly there: number };
  /** Bytes of those that were sent. */
  readonly bytes: number;
}

/** How cosign keeps signatures, attestations and SBOMs where referrers are not known: by tag. https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md#tag-based-discovery */
const COSIGN_TAGS = ["sig", "att", "sbom"];
/** All that refers to one image, and what refers to that. */
const MAX_REFERRERS = 256;

/**
 * Copies an image as it is: every manifest, index and blob with all its bits, so that its digest stays. Blobs go through piece by piece. What names something is written after
 * it, the tags last. Fails as reading and writing do, and with `ImageTooLarge`.
 */
export async function copyImage(
  source: RepositoryReader,
  wanted: string,
  target: Repository,
  tags: readonly string[],
  options: CopyOptions,
): Promise<Result<Copied>> {
  const { signal } = options;
  const tree = await readTree(source, wanted, signal);
  if (!tree.ok) return tree;
  const copier = new Copier(source, target, signal);
  const put = await copier.putTree(tree.value, tags);
  if (!put.ok) return put;
  const { root, inside } = tree.value;
  const subjects = [...inside, root].map(({ raw }) => raw.digest);
  const referring = options.referrers ? await copier.putReferrers(subjects) : ok(undefined);
  if (!referring.ok) return referring;
  const { referrers, sent, mounted, there, bytes } = copier;
  return ok({ digest: root.raw.digest, documents: subjects.length, referrers, blobs: { sent, mounted, there }, bytes });
}

/** Copies what refers to an image that is at its target already. Gives how many manifests those are. Fails as `copyImage` does. */
export async function copyReferrers(
  source: RepositoryReader,
  subject: Digest,
  target: Repository,
  signal?: AbortSignal,
): Promise<Result<number>> {
  const copier = new Copier(source, target, signal);
  const put = await copier.putReferrers([subject]);
  return put.ok ? ok(copier.referrers) : put;
}

class Copier {
  private readonly source: RepositoryReader;
  private readonly target: Repository;
  private readonly signal: AbortSignal | undefined;
  private readonly done = new Set<BlobDigest>();
  referrers = 0;
  sent = 0;
  mounted = 0;
  there = 0;
  bytes = 0;

  constructor(source: RepositoryReader, target: Repository, signal: AbortSignal | undefined) {
    this.source = source;
    this.target = target;
    this.signal = signal;
  }

  /** All that it leads to, then its root; without tags that is found by its digest. */
  async putTree({ root, inside }: Tree, tags: readonly string[]): Promise<Result<void>> {
    const ready = await this.putInside(inside);
    return ready.ok ? this.put(root, tags) : ready;
  }

  private async putInside(documents: readonly Document[]): Promise<Result<void>> {
    for (const document of documents) {
      const put = await this.put(document, []);
      if (!put.ok) return put;
    }
    return ok(undefined);
  }

  /** Its blobs, then itself. */
  private async put({ raw, blobs }: Document, tags: readonly string[]): Promise<Result<void>> {
    const written = await this.putBlobs(blobs);
    return written.ok ? writeManifest(this.target, raw, tags, this.signal) : written;
  }

  private async putBlobs(blobs: readonly BlobDescriptor[]): Promise<Result<void>> {
    for (const blob of blobs) {
      if (this.done.has(blob.digest)) continue;
      const put = await this.putBlob(blob);
      if (!put.ok) return put;
      this.done.add(blob.digest);
    }
    return ok(undefined);
  }

  private async putBlob(blob: BlobDescriptor): Promise<Result<void>> {
    const { source, target, signal } = this;
    const isThere = await target.holdsBlob(blob, signal);
    if (!isThere.ok) return isThere;
    if (isThere.value) {
      this.there++;
      return ok(undefined);
    }
    const mounted = await target.mount(blob.digest, source.place, signal);
    if (!mounted.ok) return mounted;
    if (mounted.value) {
      this.mounted++;
      return ok(undefined);
    }
    const sent = await this.send(blob);
    if (!sent.ok) return sent;
    this.sent++;
    this.bytes += blob.size;
    return ok(undefined);
  }

  /** Piece by piece. Where the source has the content in another way too (other credentials, the registry behind a mirror), it is sent from its beginning again. */
  private async send(blob: BlobDescriptor): Promise<Result<void>> {
    const { source, target, signal } = this;
    const put = async (pieces: AsyncIterable<Uint8Array>) => {
      const written = await target.putStream(blob, pieces, signal);
      // What the target does not take is not read to its end.
      if (!written.ok) throw new Broken(written.error);
    };
    try {
      return await source.receive(blob, put, signal);
    } catch (error) {
      if (error instanceof Broken) return { ok: false, error: error.failure };
      throw error;
    }
  }

  /** What refers to these, and what refers to that in turn: a signature of an SBOM. */
  async putReferrers(subjects: readonly Digest[]): Promise<Result<void>> {
    const seen = new Set(subjects);
    const waiting = [...subjects];
    for (let subject = waiting.shift(); subject !== undefined; subject = waiting.shift()) {
      const listed = await listReferrers(this.source, subject, this.signal);
      if (!listed.ok) return listed;
      for (const { digest } of listed.value) {
        if (seen.has(digest)) continue;
        seen.add(digest);
        const put = await this.putReferrer(subject, digest);
        if (!put.ok) return put;
        waiting.push(digest);
      }
      const tagged = await this.putTagged(subject);
      if (!tagged.ok) return tagged;
    }
    return ok(undefined);
  }

  private async putReferrer(subject: Digest, digest: Digest): Promise<Result<void>> {
    const tree = this.count(await readTree(this.source, digest, this.signal));
    if (!tree.ok) return tree;
    const { root, inside } = tree.value;
    const ready = await this.putInside(inside);
    if (!ready.ok) return ready;
    const blobs = await this.putBlobs(root.blobs);
    if (!blobs.ok) return blobs;
    const { raw, artifactType, annotations } = root;
    const added = await addReferrer(this.target, subject, { bytes: new Uint8Array(raw.bytes), artifactType, annotations }, this.signal);
    return added.ok ? ok(undefined) : added;
  }

  private async putTagged(subject: Digest): Promise<Result<void>> {
    for (const kind of COSIGN_TAGS) {
      const tag = `${referrersTag(subject)}.${kind}`;
      const read = await readTree(this.source, tag, this.signal);
      if (!read.ok && read.error.reason === "ImageNotFound") continue;
      const tree = this.count(read);
      if (!tree.ok) return tree;
      const put = await this.putTree(tree.value, [tag]);
      if (!put.ok) return put;
    }
    return ok(undefined);
  }

  private count(read: Result<Tree>): Result<Tree> {
    if (read.ok && ++this.referrers > MAX_REFERRERS)
      return fail("ImageTooLarge", `more than ${MAX_REFERRERS} manifests refer to this image; copy it with --no-referrers`);
    return read;
  }
}
