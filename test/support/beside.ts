import { type Digest, digestOf } from "../../model/digest.ts";
import { manifestTypes, openReference } from "../../oci/index.ts";
import { addReferrer } from "../../oci/repository/referrers.ts";
import { valued } from "../../oci/testing/result.ts";

export interface Layer {
  readonly mediaType: string;
  readonly bytes: Uint8Array;
  readonly annotations?: Readonly<Record<string, string>>;
}

const EMPTY = new TextEncoder().encode("{}");

/** Stores a manifest with these layers under a tag beside an image, as cosign 2 keeps signatures; without a tag as one that refers to the image. */
export async function putBeside(image: string, digest: Digest, layers: readonly Layer[], tag?: string): Promise<void> {
  const { repository } = valued(openReference(image, new Map(), {}));
  for (const each of [EMPTY, ...layers.map((layer) => layer.bytes)]) valued(await repository.putBlob(new Uint8Array(each), digestOf(each)));
  const described = (mediaType: string, bytes: Uint8Array) => ({ mediaType, digest: digestOf(bytes), size: bytes.byteLength });
  const subject = valued(await repository.manifest(digest));
  const artifactType = layers[0]?.mediaType ?? "";
  const manifest = {
    schemaVersion: 2,
    mediaType: manifestTypes.ociManifest,
    config: described("application/vnd.oci.image.config.v1+json", EMPTY),
    layers: layers.map(({ mediaType, bytes, annotations = {} }) => ({ ...described(mediaType, bytes), annotations })),
    ...(tag === undefined ? { artifactType, subject: described(subject.mediaType, subject.bytes) } : {}),
  };
  const bytes = new TextEncoder().encode(JSON.stringify(manifest));
  if (tag !== undefined) valued(await repository.putManifest(bytes, manifestTypes.ociManifest, tag));
  else valued(await addReferrer(repository, digest, { bytes, artifactType, annotations: {} }));
}
