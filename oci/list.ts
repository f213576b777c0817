import pLimit from "p-limit";
import type { ImageReferrer } from "../model/catalog.ts";
import type { Digest } from "../model/digest.ts";
import { fail, ok, type Result } from "../model/result.ts";
import { blobsOf } from "./image/content.ts";
import type { InspectOptions } from "./inspect.ts";
import { openReference } from "./open.ts";
import { type Descriptor, parseManifest } from "./repository/manifest.ts";
import { listReferrers, referrersTag, subjectOfTag } from "./repository/referrers.ts";
import type { RepositoryReader } from "./repository/repository.ts";
import { SIGN_PREDICATE } from "./signature/statement.ts";

/** An image of a repository, by one of its tags. */
export interface ListedImage {
  readonly tag: string;
  /** `undefined`: what is at the tag cannot be read; `problem` says why. */
  readonly digest: Digest | undefined;
  /** `digest`, or for an index those of the manifests in it. */
  readonly manifests: readonly Digest[];
  /** Bytes of the manifest and all that it names; of an index its own. */
  readonly size: number | undefined;
  readonly annotations: Readonly<Record<string, string>>;
  /** There is a signature; `undefined`: the registry did not say. Whether it holds is for `spec.verify` to tell. */
  readonly isSigned: boolean | undefined;
  /** What refers to it, by the registry's list or a tag's; at most 100. */
  readonly referrers: readonly ImageReferrer[];
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
const MAX_REFERRERS = 100;
/** Says of a sigstore bundle what it signs. */
const PREDICATE_ANNOTATION = "dev.sigstore.bundle.predicateType";
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
  const tags = imageTags(all.value).filter((tag) => after === undefined || tag > after);
  const inTurn = pLimit(AT_ONCE);
  const images = await Promise.all(tags.slice(0, limit).map((tag) => inTurn(() => lookAtTag(repository, tag, known, signal))));
  const [first] = images;
  if (first?.problem !== undefined && images.every(({ digest }) => digest === undefined)) return fail("ImagesUnread", first.problem);
  return ok({ images, isCut: tags.length > limit });
}

/** Those of images, and not of what refers to images. */
export function imageTags(tags: readonly string[]): readonly string[] {
  return tags.filter((tag) => subjectOfTag(tag) === undefined);
}

/** What is at a tag, by one look at its manifest and at what refers to it; `tags`: all of the repository. */
export async function lookAtTag(
  repository: RepositoryReader,
  tag: string,
  tags: ReadonlySet<string>,
  signal?: AbortSignal,
): Promise<ListedImage> {
  const unread = (problem: string): ListedImage => ({
    tag,
    digest: undefined,
    manifests: [],
    size: undefined,
    annotations: {},
    isSigned: undefined,
    referrers: [],
    problem,
  });
  const raw = await repository.manifest(tag, signal);
  if (!raw.ok) return unread(raw.error.message);
  const { digest, bytes } = raw.value;
  const parsed = parseManifest(raw.value, `${repository.name}:${tag}`);
  if (!parsed.ok) return { ...unread(parsed.error.message), digest };
  const blobs = parsed.value.kind === "manifest" ? blobsOf(parsed.value) : [];
  const size = blobs.reduce((sum, blob) => sum + blob.size, bytes.byteLength);
  const listed = await referrersAt(repository, digest, tags, signal);
  const hasSignature = tags.has(`${referrersTag(digest)}.sig`) || (listed ?? []).some(isSignature);
  const isSigned = hasSignature || (listed === undefined ? undefined : false);
  const referrers = (listed ?? []).slice(0, MAX_REFERRERS).map(referrerOf);
  const manifests = parsed.value.kind === "manifest" ? [digest] : parsed.value.manifests.map((each) => each.digest);
  return { tag, digest, manifests, size, annotations: parsed.value.annotations, isSigned, referrers, problem: undefined };
}

/** `undefined`: the registry did not say. */
async function referrersAt(
  repository: RepositoryReader,
  digest: Digest,
  tags: ReadonlySet<string>,
  signal?: AbortSignal,
): Promise<readonly Descriptor[] | undefined> {
  // Where no tag holds a list of them, there is the registry's alone.
  const isTagged = tags.has(referrersTag(digest));
  const listed = await (isTagged ? listReferrers(repository, digest, signal) : repository.referrers(digest, signal));
  return listed.ok ? (listed.value ?? []) : undefined;
}

function referrerOf({ digest, artifactType, mediaType }: Descriptor): ImageReferrer {
  return { digest, artifactType: artifactType ?? mediaType };
}

/** A signature of the image itself: an attestation is of the same type, and says that it is about something else. */
function isSignature({ artifactType = "", annotations }: Descriptor): boolean {
  return SIGNATURES.test(artifactType) && (annotations[PREDICATE_ANNOTATION] ?? SIGN_PREDICATE) === SIGN_PREDICATE;
}
