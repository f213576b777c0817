import { age } from "../../base/elapsed.ts";
import { shortDigest } from "../../model/digest.ts";
import { type ListedImage, printBytes } from "../../oci/index.ts";
import { ABI_ANNOTATION, CREATED_ANNOTATION } from "../artifact.ts";
import { table } from "./table.ts";

/** What `weir list` prints of a repository. `now` in milliseconds. */
export function renderListed(images: readonly ListedImage[], now: number): string {
  const rows = images.map(({ tag, digest, size, annotations, isSigned, problem }) => [
    tag,
    digest === undefined ? "?" : shortDigest(digest),
    size === undefined ? "?" : printBytes(size),
    annotations[ABI_ANNOTATION] ?? "-",
    annotations[CREATED_ANNOTATION] === undefined ? "-" : `${age(annotations[CREATED_ANNOTATION], now)} ago`,
    isSigned === undefined ? "?" : isSigned ? "yes" : "no",
    ...(problem === undefined ? [] : [problem]),
  ]);
  return `${table(["TAG", "DIGEST", "SIZE", "ABI", "CREATED", "SIGNED"], rows).join("\n")}\n`;
}

/** The same for programs. */
export function listedDocument({ tag, digest, size, annotations, isSigned, problem }: ListedImage): object {
  return {
    tag,
    digest: digest ?? null,
    size: size ?? null,
    abi: annotations[ABI_ANNOTATION] ?? null,
    created: annotations[CREATED_ANNOTATION] ?? null,
    signed: isSigned ?? null,
    annotations,
    ...(problem === undefined ? {} : { problem }),
  };
}
