import { createHash, hash } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";

/** A content digest as OCI writes it. Weir accepts sha256 only. See https://github.com/opencontainers/image-spec/blob/main/descriptor.md#digests */
export type Digest = `sha256:${string}`;

const DIGEST = /^sha256:[a-f0-9]{64}$/;

/** True when `text` is a well-formed sha256 digest (lower-case hex, 64 digits). */
export function isDigest(text: string): text is Digest {
  return DIGEST.test(text);
}

/** A digest by a hash that Weir computes: by what a manifest may name its blobs. https://github.com/opencontainers/image-spec/blob/main/descriptor.md#registered-algorithms */
export type BlobDigest = Digest | `sha512:${string}`;

/** True when `text` is a well-formed digest of one of these hashes. */
export function isBlobDigest(text: string): text is BlobDigest {
  return isDigest(text) || /^sha512:[a-f0-9]{128}$/.test(text);
}

/** The hash of a digest, and its value in hex. */
export function partsOf(digest: BlobDigest): { readonly algorithm: "sha256" | "sha512"; readonly hex: string } {
  const [algorithm, hex = ""] = digest.split(":");
  return { algorithm: algorithm === "sha512" ? algorithm : "sha256", hex };
}

/** A digest that is computed while the content goes by, by the hash of `like`. */
export function createDigester(like: BlobDigest): { update(piece: Uint8Array): void; digest(): BlobDigest } {
  const { algorithm } = partsOf(like);
  const sum = createHash(algorithm);
  return { update: (piece) => void sum.update(piece), digest: () => `${algorithm}:${sum.digest("hex")}` };
}

/** True when large content has this digest. Computed in slices, as `digestAside` does. */
export async function hasDigest(content: Uint8Array<ArrayBuffer>, digest: BlobDigest): Promise<boolean> {
  const { algorithm, hex } = partsOf(digest);
  return (await hashAside(algorithm, content)).toString("hex") === hex;
}

/** The digest of small content, computed at once. */
export function digestOf(content: Uint8Array | string): Digest {
  return `sha256:${hash("sha256", content)}`;
}

/** Bytes that are hashed in a turn of the event loop: half a millisecond. */
const SLICE = 1 << 20;

/**
 * The digest of large content, computed in slices, so that tens of megabytes do not block the event loop. Another thread (Web Crypto) would be given a copy first, which
 * blocks it for longer than all slices together.
 */
export async function digestAside(content: Uint8Array<ArrayBuffer>): Promise<Digest> {
  return `sha256:${(await hashAside("sha256", content)).toString("hex")}`;
}

/** The same by another hash. */
export async function hashAside(algorithm: "sha256" | "sha512", content: Uint8Array): Promise<Buffer> {
  const sum = createHash(algorithm);
  for (let at = 0; at < content.byteLength; at += SLICE) {
    sum.update(content.subarray(at, at + SLICE));
    if (at + SLICE < content.byteLength) await nextTurn();
  }
  return sum.digest();
}

/** The first 12 hex digits, for people: `sha256:abc…` becomes `abcdef012345`. Empty for undefined. */
export function shortDigest(digest: Digest | string | undefined): string {
  return digest === undefined ? "" : digest.replace(/^sha256:/, "").slice(0, 12);
}
