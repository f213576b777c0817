import { hash } from "node:crypto";
import type { ChainEntry } from "../../model/delivery.ts";
import type { FilterKey } from "../../model/filter.ts";
import type { FilterType } from "../../model/settings.ts";
import { DEFAULT_SETTINGS } from "../../model/settings.ts";

/**
 * The smallest plugin that Envoy loads. It has no callbacks, so every request and connection passes unseen:
 *
 *     (module
 *       (func (export "proxy_abi_version_0_2_1"))
 *       (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 0))
 *       (memory (export "memory") 1))
 */
export const passThroughModule: Uint8Array = Buffer.from(
  "AGFzbQEAAAABCQJgAABgAX8BfwMDAgABBQMBAAEHPwMXcHJveHlfYWJpX3ZlcnNpb25fMF8yXzEAABhwcm94eV9vbl9tZW1vcnlfYWxsb2NhdGUAAQZtZW1vcnkCAAoJAgIACwQAQQAL",
  "base64",
);

const digest = `sha256:${hash("sha256", passThroughModule)}` as const;

/** A chain entry that stands where `filter` would, and does nothing. Its module is `passThroughModule`: no store knows it. */
export function passThrough(filter: FilterKey, type: FilterType): ChainEntry {
  return {
    filter,
    type,
    revision: 0,
    digest,
    wasmDigest: digest,
    hash: digest,
    settings: { ...DEFAULT_SETTINGS, type, slot: "" },
    capabilities: [],
  };
}
