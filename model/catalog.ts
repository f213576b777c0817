import type { Digest } from "./digest.ts";

/** What an image says of itself, by the annotations of its manifest or index. Strangers wrote it. Bounded in length and count. */
export interface ImageDescription {
  readonly title: string | undefined;
  readonly text: string | undefined;
  readonly version: string | undefined;
  /** RFC 3339, as it was written. */
  readonly created: string | undefined;
  /** An SPDX expression, as it was written. https://spdx.org/licenses/ */
  readonly licence: string | undefined;
  readonly vendor: string | undefined;
  readonly keywords: readonly string[];
  /** `proxy-wasm` version, as `weir push` writes it. */
  readonly abi: string | undefined;
  readonly isDeprecated: boolean;
  /** Where more is: `source`, `documentation`, `README`; addresses with http or https. */
  readonly links: readonly { readonly name: string; readonly url: string }[];
  /** Every annotation, in the order of their names. */
  readonly annotations: readonly (readonly [string, string])[];
}

/** What refers to an image: a signature, a bill of materials, an attestation. */
export interface ImageReferrer {
  readonly digest: Digest;
  readonly artifactType: string;
}

/** What is at one tag of a repository, or at several that lead to the same. */
export interface CatalogImage {
  readonly tags: readonly string[];
  /** Of the manifest or index; `undefined`: what is there cannot be read, and `problem` says why. */
  readonly digest: Digest | undefined;
  /** `digest`, or for an index those of the manifests in it: what filters and proxies have is one of these. */
  readonly manifests: readonly Digest[];
  /** Bytes of the manifest and of all that it names; of an index its own. */
  readonly size: number | undefined;
  readonly description: ImageDescription;
  /** There is a signature, which says nothing of whether it holds; `undefined`: the registry did not say. */
  readonly isSigned: boolean | undefined;
  readonly referrers: readonly ImageReferrer[];
  readonly problem: string | undefined;
}

/** A repository in short: what its newest image says of itself. */
export interface RepositorySummary {
  readonly description: ImageDescription;
  /** The tag that the description is of. */
  readonly tag: string;
  readonly tags: number;
}

export interface RepositoryImages {
  /** The newest version first. */
  readonly images: readonly CatalogImage[];
  /** Tags that were not looked at: there are too many. The newest first. */
  readonly others: readonly string[];
}

export interface Readme {
  /** Markdown. */
  readonly text: string;
  /** It is longer than what is here. */
  readonly isCut: boolean;
}

/** The last answer of a registry, as old as it may be. */
export interface Look<T> {
  /** `undefined`: there is none yet. */
  readonly value: T | undefined;
  /** Milliseconds since the epoch: when it was had. */
  readonly at: number | undefined;
  /** Why the last try gave none; the value is that of an earlier one. */
  readonly problem: string | undefined;
  /** Another is under way. */
  readonly isReading: boolean;
}

/**
 * Repositories that whoever runs Weir wants to be shown. They are read with Weir's own credentials, and what was read is for everybody who may read the pages: so
 * nothing is read here that only filters name. Each look gives what is known at once, or after a moment where that is nothing, and is made anew in the background
 * when it is old.
 */
export interface Catalog {
  /** Their names in one spelling: `registry/repository`, or `oci-layout:DIR`. */
  readonly repositories: readonly string[];
  /** The repository of an image, in that spelling. Of what is no reference, the text itself. */
  repositoryOf(image: string): string;
  /** For names in `repositories` only; as the three others. */
  summary(repository: string): Promise<Look<RepositorySummary>>;
  images(repository: string): Promise<Look<RepositoryImages>>;
  /** Of a manifest or index of the repository. A `value` without one: it has none. */
  readme(repository: string, digest: Digest): Promise<Look<{ readonly readme: Readme | undefined }>>;
}
