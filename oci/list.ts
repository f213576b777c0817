import pLimit from "p-limit";
import type { Digest } from "../model/digest.ts";
import { fail, ok, type Result } from "../model/result.ts";
import { blobsOf } from "./image/content.ts";
import type { InspectOptions } from "./inspect.ts";
import { openReference } from "./open.ts";
import { parseManifest } from "./repository/manifest.ts";
import { listReferrers, referrersTag } from "./repository/referrers.ts";
import type { RepositoryReader } from "./repository/repository.ts";

/** An image of a repository, by one of its tags. */
export interface ListedImage {
  readonly tag: string;
  /** `undefined`: what is at the tag cannot be read; `problem` says why. */
  readonly digest: Digest | undefined;
  /** Bytes of the manifest and all that it names; of an index its own. */
  readonly size: number | undefined;
  readonly annotations: Readonly<Record<string, string>>;
  /** There is a signature; `undefined`: the registry did not say. Whether it holds is for `spec.verify` to tell. */
  readonly isSigned: boolean | undefined;
  readonly problem: string | undefined;
}

export interface ListedImages {
  readonly images: readonly ListedImage[];
  /** There are more: go on after the last tag. */
  readonly isCut: boolean;
}

export interface ListOptions extends InspectOptions {
  readonly limit: number;
  /** Only tags behind this one. */
  readonly after?: string | undefined;
}

const AT_ONCE = 4;
/** Tags by which tools keep what refers to an image: they are no images. */
const TAGGED = /^sha256-[a-f0-9]{64}(?:\.[a-z0-9]+)?$/;
/** What cosign signs is of these types. */
const SIGNATURES = /^application\/vnd\.dev\.(?:sigstore\.bundle|cosign\.artifact\.sig|cosign\.simplesigning)/;

/** The images of a repository, by tag, sorted: what one look at each tag and its referrers tells. */
export async function listImages(text: string, options: ListOptions): Promise<Result<ListedImages>> {
  const opened = openReference(text, options.keychain, options);
  if (!opened.ok) return opened;
  const { repository } = opened.value;
  const { signal, after, limit } = options;
  const all = await repository.tags(signal);
  if (!all.ok) return all;
  const known = new Set(all.value);
  const tags = all.value.filter((tag) => !TAGGED.test(tag) && (after === undefined || tag > after));
  const inTurn = pLimit(AT_ONCE);
  const images = await Promise.all(tags.slice(0, limit).map((tag) => inTurn(() => look(repository, tag, known, signal))));
  const [first] = images;
  if (first?.problem !== undefined && images.every(({ digest }) => digest === undefined)) return fail("ImagesUnread", first.problem);
  return ok({ images, isCut: tags.length > limit });
}

async function look(repository: RepositoryReader, tag: string, tags: ReadonlySet<string>, signal?: AbortSignal): Promise<ListedImage> {
  const unread = (problem: string): ListedImage => ({
    tag,
    digest: undefined,
    size: undefined,
    annotations: {},
    isSigned: undefined,
    problem,
  });
  const raw = await repository.manifest(tag, signal);
  if (!raw.ok) return unread(raw.error.message);
  const { digest, bytes } = raw.value;
  const parsed = parseManifest(raw.value, `${repository.name}:${tag}`);
  if (!parsed.ok) return { ...unread(parsed.error.message), digest };
  const blobs = parsed.value.kind === "manifest" ? blobsOf(parsed.value) : [];
  const size = blobs.reduce((sum, blob) => sum + blob.size, bytes.byteLength);
  const isSigned = tags.has(`${referrersTag(digest)}.sig`) || (await hasSignature(repository, digest, tags, signal));
  return { tag, digest, size, annotations: parsed.value.annotations, isSigned, problem: undefined };
}

async function hasSignature(
  repository: RepositoryReader,
  digest: Digest,
  tags: ReadonlySet<string>,
  signal?: AbortSignal,
): Promise<boolean | undefined> {
  // Where no tag holds a list of them, there is the registry's alone.
  const isTagged = tags.has(referrersTag(digest));
  const referrers = await (isTagged ? listReferrers(repository, digest, signal) : repository.referrers(digest, signal));
  return referrers.ok ? (referrers.value ?? []).some(({ artifactType = "" }) => SIGNATURES.test(artifactType)) : undefined;
}
