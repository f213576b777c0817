import { age } from "../base/elapsed.ts";
import { shortDigest } from "../model/digest.ts";
import { fail, ok, type Result } from "../model/result.ts";
import type { ArtifactOptions, InspectedImage, LocalImage, LocalImages, RegistryReference } from "../oci/index.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** The images that `weir build` and `weir pull` keep for whoever runs the command. */
export async function openLocal(env: Environment): Promise<LocalImages> {
  const { localImagesDirectory, openLocalImages } = await import("../oci/index.ts");
  return openLocalImages(localImagesDirectory(env));
}

export async function listLocal(env: Environment): Promise<Result<readonly LocalImage[]>> {
  return (await openLocal(env)).list();
}

/** A local image with its module. */
export interface FoundLocal {
  readonly images: LocalImages;
  readonly reference: RegistryReference;
  readonly local: LocalImage;
  readonly image: InspectedImage;
}

/** The local image that a reference names, with or without `local:`; `undefined` where there is none. Fails when it is there and cannot be read. */
export async function findLocal(text: string, env: Environment): Promise<Result<FoundLocal | undefined>> {
  const { inspectIn, parseReference } = await import("../oci/index.ts");
  const parsed = parseReference(text);
  // What is no reference is told by whoever asks a registry for it.
  if (!parsed.ok || parsed.value.kind === "layout") return ok(undefined);
  const reference: RegistryReference = { ...parsed.value, kind: "registry" };
  const images = await openLocal(env);
  const local = await images.find(reference);
  if (!local.ok) return local;
  if (local.value === undefined) return ok(undefined);
  const image = await inspectIn(images.repository(reference), reference);
  return image.ok ? ok({ images, reference, local: local.value, image: image.value }) : image;
}

/** What to tell whoever gets a local image where a registry may have another. `now` in milliseconds. */
export function localNote(text: string, { digest, added }: LocalImage, now: number): string {
  const since = added === undefined ? "" : `, added ${age(added, now)} ago`;
  return `${text} is the image ${shortDigest(digest)} of this machine${since}; --remote asks the registry`;
}

/** The name for people; the digest where it has none. */
export function shownName({ name, digest }: LocalImage): string {
  if (name === undefined) return digest;
  return `${name.registry}/${name.repository}${name.tag === undefined ? `@${digest}` : `:${name.tag}`}`;
}

export function noLocal(text: string) {
  return fail(
    "ImageNotFound",
    `there is no image ${text} on this machine; weir list shows those that are, and weir build -t or weir pull brings one`,
  );
}

/** The name of an image to keep on this machine: `registry/repository:tag`. */
export async function parseLocalName(text: string): Promise<Result<RegistryReference>> {
  const { parseReference } = await import("../oci/index.ts");
  const parsed = parseReference(text);
  if (!parsed.ok) return parsed;
  const { value } = parsed;
  if (value.kind !== "layout" && value.digest === undefined) return ok({ ...value, kind: "registry" });
  return fail("InvalidReference", `an image on this machine is named registry/repository:tag, not ${JSON.stringify(text)}`);
}

/** Keeps a module as an image on this machine, under a name. */
export async function keepLocal(
  name: RegistryReference,
  module: Uint8Array,
  options: ArtifactOptions,
  env: Environment,
  signal: AbortSignal,
): Promise<Result<{ readonly reference: string; readonly digest: string }>> {
  const { createArtifact, formatReference } = await import("../oci/index.ts");
  const kept = await (await openLocal(env)).put(name, createArtifact(module, options), signal);
  return kept.ok ? ok({ reference: formatReference({ ...name, digest: kept.value.digest }), digest: kept.value.digest }) : kept;
}
