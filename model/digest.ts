import { hash } from "node:crypto";

/** A content digest as OCI writes it. Weir accepts sha256 only. See https://github.com/opencontainers/image-spec/blob/main/descriptor.md#digests */
export type Digest = `sha256:${string}`;

const DIGEST = /^sha256:[a-f0-9]{64}$/;

/** True when `text` is a well-formed sha256 digest (lower-case hex, 64 digits). */
export function isDigest(text: string): text is Digest {
  return DIGEST.test(text);
}

/** The digest of small content, computed at once. */
export function digestOf(content: Uint8Array | string): Digest {
  return `sha256:${hash("sha256", content)}`;
}

/** The digest of large content, computed on another thread, so that tens of megabytes do not block this one. */
export async function digestAside(content: Uint8Array<ArrayBuffer>): Promise<Digest> {
  return `sha256:${Buffer.from(await crypto.subtle.digest("SHA-256", content)).toString("hex")}`;
}

/** The first 12 hex digits, for people: `sha256:abc…` becomes `abcdef012345`. Empty for undefined. */
export function shortDigest(digest: Digest | string | undefined): string {
  return digest === undefined ? "" : digest.replace(/^sha256:/, "").slice(0, 12);
}
