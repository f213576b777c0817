import { createHash } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { Digest } from "../../model/digest.ts";

/** What a tag pointed at when it was read, and what the registry calls that. */
export interface TagState {
  readonly entityTag: string;
  readonly digest: Digest;
}

/** States of tags, each for whoever read it: others may be shown something else. Only of registries that tell no digest beforehand. */
export interface TagStates {
  get(key: string): TagState | undefined;
  set(key: string, state: TagState): void;
}

/** Some 300 bytes each. Beyond it the least recently used is forgotten, which costs a manifest. */
const REMEMBERED = 10_000;

export function createTagStates(): TagStates {
  return new LRUCache<string, TagState>({ max: REMEMBERED });
}

/** Hashed: it has a password in it. */
export function tagKey(...parts: readonly (string | undefined)[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("base64");
}

/** A strong entity tag; a weak one may be the same for other bytes. https://www.rfc-editor.org/rfc/rfc9110#section-8.8.1 */
export function entityTagOf(headers: Headers): string | undefined {
  const text = headers.get("etag")?.trim() ?? "";
  return /^"[\x21\x23-\x7e]{1,256}"$/.test(text) ? text : undefined;
}
