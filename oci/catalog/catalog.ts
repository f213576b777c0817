import pLimit from "p-limit";
import type { Catalog, CatalogImage, RepositoryImages, RepositorySummary } from "../../model/catalog.ts";
import { systemClock } from "../../model/clock.ts";
import { type Digest, isDigest } from "../../model/digest.ts";
import type { Keychain } from "../../model/module.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { describeImage } from "../image/description.ts";
import { imageTags, type ListedImage, lookAtTag } from "../list.ts";
import { type OciOptions, openReference } from "../open.ts";
import { canonicalRepository, parseReference } from "../repository/reference.ts";
import type { RepositoryReader } from "../repository/repository.ts";
import { createLooks } from "./looks.ts";
import { newestFirst } from "./newest.ts";
import { fetchReadme } from "./readme.ts";

export interface CatalogOptions extends OciOptions {
  /** As `parseCatalogRepository` gives them. */
  readonly repositories: readonly string[];
  /** What this repository is read with. */
  keychainFor(repository: string): Promise<Keychain>;
  /** Milliseconds that a page waits for what is not known yet. */
  readonly waitMs?: number;
}

/** More than people browse. */
export const MAX_REPOSITORIES = 500;
/** Tags of a repository that are looked at. */
const MAX_IMAGES = 30;
/** Looks at tags of one repository at a time. */
const TAGS_AT_ONCE = 4;
/** Registries are not to notice that somebody browses. */
const LOOKS_AT_ONCE = 4;
const MAX_OTHERS = 200;

const TIMES = { freshMs: 5 * 60_000, retryMs: 30_000, readMs: 20_000, waitMs: 300 };
/** A digest's README is what it is, but for what refers to it. */
const README_FRESH_MS = 60 * 60_000;
const MAX_READMES = 64;

/** Reads the name of a repository in its one spelling. Fails with `InvalidReference` for what has a tag or a digest, or is no repository of a registry or of a layout. */
export function parseCatalogRepository(text: string): Result<string> {
  const isLayout = text.startsWith("oci-layout:");
  const reference = parseReference(isLayout ? `${text}:any` : text);
  if (!reference.ok) return reference;
  const { tag, digest } = reference.value;
  const isLocal = reference.value.kind === "local";
  const hasHost = isLayout || /^[^/]*[.:][^/]*\/|^localhost\//.test(text);
  if (digest !== undefined || tag !== (isLayout ? "any" : "latest") || text.endsWith(":latest") || isLocal || !hasHost)
    return fail("InvalidReference", `${JSON.stringify(text.slice(0, 200))} is not REGISTRY/REPOSITORY, without a tag`);
  return ok(canonicalRepository(isLayout ? `${text}:any` : text));
}

/** The catalog of these repositories. Nothing is read before somebody looks. */
export function createCatalog({ repositories, keychainFor, waitMs = TIMES.waitMs, ...oci }: CatalogOptions): Catalog {
  const shared = { ...TIMES, waitMs, clock: oci.clock ?? systemClock, turns: pLimit(LOOKS_AT_ONCE) };
  const open = async (repository: string): Promise<Result<RepositoryReader>> => {
    const name = repository.startsWith("oci-layout:") ? `${repository}:any` : repository;
    const opened = openReference(name, await keychainFor(repository), oci);
    return opened.ok ? ok(opened.value.repository) : opened;
  };
  const looking = <T>(
    most: number,
    look: (reader: RepositoryReader, rest: string, signal: AbortSignal) => Promise<Result<T>>,
    freshMs: number,
  ) =>
    createLooks<T>({
      ...shared,
      most,
      freshMs,
      async read(key, signal) {
        const [repository = "", rest = ""] = key.split(" ");
        const reader = await open(repository);
        return reader.ok ? look(reader.value, rest, signal) : reader;
      },
    });
  const summaries = looking(MAX_REPOSITORIES, summarize, TIMES.freshMs);
  const images = looking(MAX_REPOSITORIES / 10, readImages, TIMES.freshMs);
  const readmes = looking(MAX_READMES, readReadme, README_FRESH_MS);
  return {
    repositories,
    repositoryOf: canonicalRepository,
    summary: (repository) => summaries(repository),
    images: (repository) => images(repository),
    readme: (repository, digest) => readmes(`${repository} ${digest}`),
  };
}

async function summarize(reader: RepositoryReader, _rest: string, signal: AbortSignal): Promise<Result<RepositorySummary>> {
  const all = await reader.tags(signal);
  if (!all.ok) return all;
  const tags = newestFirst(imageTags(all.value));
  const [newest] = tags;
  if (newest === undefined) return fail("ImageNotFound", `${reader.name} has no image yet; push one`);
  const { annotations, problem } = await lookAtTag(reader, newest, new Set(all.value), signal);
  return problem === undefined
    ? ok({ description: describeImage(annotations), tag: newest, tags: tags.length })
    : fail("ImagesUnread", problem);
}

async function readImages(reader: RepositoryReader, _rest: string, signal: AbortSignal): Promise<Result<RepositoryImages>> {
  const all = await reader.tags(signal);
  if (!all.ok) return all;
  const known = new Set(all.value);
  const tags = newestFirst(imageTags(all.value));
  const inTurn = pLimit(TAGS_AT_ONCE);
  const listed = await Promise.all(tags.slice(0, MAX_IMAGES).map((tag) => inTurn(() => lookAtTag(reader, tag, known, signal))));
  const [first] = listed;
  if (first?.problem !== undefined && listed.every(({ digest }) => digest === undefined)) return fail("ImagesUnread", first.problem);
  return ok({ images: byDigest(listed), others: tags.slice(MAX_IMAGES, MAX_IMAGES + MAX_OTHERS) });
}

/** Tags that lead to the same are one image. */
function byDigest(listed: readonly ListedImage[]): readonly CatalogImage[] {
  const images = new Map<string, CatalogImage>();
  for (const { tag, digest, manifests, size, annotations, isSigned, referrers, problem } of listed) {
    const key = digest ?? tag;
    const known = images.get(key);
    if (known === undefined)
      images.set(key, { tags: [tag], digest, manifests, size, description: describeImage(annotations), isSigned, referrers, problem });
    else images.set(key, { ...known, tags: [...known.tags, tag] });
  }
  return [...images.values()];
}

async function readReadme(reader: RepositoryReader, digest: string, signal: AbortSignal) {
  if (!isDigest(digest)) return fail("InvalidReference", "no digest");
  const readme = await fetchReadme(reader, digest satisfies Digest, signal);
  return readme.ok ? ok({ readme: readme.value }) : readme;
}
