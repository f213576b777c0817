import { ok, type Result } from "../../model/result.ts";
import { parseByteSize } from "../args/byte-size.ts";
import { readDuration } from "../args/duration.ts";
import type { Flag, FlagValues } from "../args/syntax.ts";

/** The folder of `weir serve`, which other commands look into. */
export const dataFlag = {
  type: "string",
  value: "DIR",
  completes: "folder",
  help: "the server's data folder",
  fallback: ".weir/data",
  env: "WEIR_DATA",
} as const satisfies Flag;

/** Flags of `weir serve` on the modules that it keeps on disk. */
export const storeFlags = {
  "store-quota": {
    type: "string",
    value: "SIZE",
    help: "disk for modules, in bytes or as 2Gi; beyond it those that no revision needs are removed, the least recently used first",
    fallback: "2Gi",
    env: "WEIR_STORE_QUOTA",
  },
  "store-scrub-interval": {
    type: "string",
    value: "DURATION",
    help: "read every stored module again so often, to find what the disk damaged (0s: only when it is used)",
    fallback: "24h",
    env: "WEIR_STORE_SCRUB_INTERVAL",
  },
  "max-namespace-store": {
    type: "string",
    value: "SIZE",
    help: "disk for the modules that revisions of one namespace keep, in bytes or as 8Gi; beyond it the namespace gets no new ones",
    fallback: "8Gi",
    env: "WEIR_MAX_NAMESPACE_STORE",
  },
} as const satisfies Record<string, Flag>;

/** How modules are kept on disk. */
export interface StoreChoice {
  /** Bytes of modules; what revisions need is kept beyond that. */
  readonly quotaBytes: number;
  /** Bytes of modules that revisions of one namespace may keep before it gets no new ones. */
  readonly namespaceBytes: number;
  /** Absent: nothing is read again in the background. */
  readonly scrub?: { readonly intervalMs: number; readonly bytesPerSecond: number } | undefined;
}

/** 2 GiB in nine minutes, with one percent of a processor. */
const SCRUB_BYTES_PER_SECOND = 4 << 20;

export function readStore(values: FlagValues<typeof storeFlags>): Result<StoreChoice> {
  const quota = parseByteSize(values["store-quota"], "--store-quota");
  if (!quota.ok) return quota;
  const namespace = parseByteSize(values["max-namespace-store"], "--max-namespace-store");
  if (!namespace.ok) return namespace;
  const interval = readDuration(values["store-scrub-interval"], "--store-scrub-interval", "480h");
  if (!interval.ok) return interval;
  const scrub = interval.value === 0 ? undefined : { intervalMs: interval.value, bytesPerSecond: SCRUB_BYTES_PER_SECOND };
  return ok({ quotaBytes: quota.value, namespaceBytes: namespace.value, scrub });
}
