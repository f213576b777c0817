import { age } from "../../base/elapsed.ts";
import { shortDigest } from "../../model/digest.ts";
import { formatReference, type LocalImage, printBytes } from "../../oci/index.ts";
import { table } from "./table.ts";

/** What `weir list` prints of the images on this machine. `now` in milliseconds. */
export function renderLocalImages(images: readonly LocalImage[], now: number): string {
  const rows = images.map(({ name, digest, size, added }) => [
    name === undefined ? "<none>" : `${name.registry}/${name.repository}`,
    name?.tag ?? "<none>",
    shortDigest(digest),
    size === undefined ? "damaged" : printBytes(size),
    age(added, now),
  ]);
  return `${table(["REPOSITORY", "TAG", "DIGEST", "SIZE", "AGE"], rows).join("\n")}\n`;
}

/** The same for programs. */
export function localImageDocument({ name, digest, size, added }: LocalImage): object {
  return { reference: name === undefined ? null : formatReference(name), digest, size: size ?? null, added: added ?? null };
}
