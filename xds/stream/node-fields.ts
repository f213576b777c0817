import { MANAGED_KEY } from "../envoy/managed-sidecar.ts";
import { STATS_INTERVAL_KEY } from "../envoy/stats-interval.ts";
import { decodeUtf8, Fields, field } from "../protobuf/wire.ts";

const LENGTH_DELIMITED = 2;
/** Numbers of the fields of a node that are used: `id`, `metadata`, `user_agent_build_version`, `extensions`; and of the key in an entry of metadata. */
const ID = 1;
const METADATA = 3;
const BUILD_VERSION = 8;
const EXTENSIONS = 9;
const ENTRIES = 1;
const KEY = 1;
/** The metadata that is used. */
const KEYS: ReadonlySet<string> = new Set(["NAMESPACE", "LABELS", MANAGED_KEY, STATS_INTERVAL_KEY]);
/** Bytes of one of these; beyond, the node is no Envoy's. A pod's labels have a few KB. */
const MAX_ENTRY_BYTES = 64 * 1024;
const LONGEST_KEY = Math.max(...[...KEYS].map((key) => key.length));

/**
 * Reduces a node message to what is used of it, without decoding the rest: an Envoy of a mesh puts kilobytes of annotations into its metadata, and anybody may put
 * half a megabyte there. `extension` is called with the offsets of each of its extensions. Throws when the bytes are no node message.
 */
export function usedOf(node: Uint8Array, extension: (start: number, end: number) => void): Uint8Array {
  const used: Uint8Array[] = [];
  const entries: Uint8Array[] = [];
  for (const fields = new Fields(node); fields.next(); ) {
    if (!fields.isDelimited) continue;
    const { number, at, start, end } = fields;
    if (number === EXTENSIONS) extension(start, end);
    else if (number === ID || number === BUILD_VERSION) used.push(node.subarray(at, end));
    else if (number === METADATA) takeEntries(node.subarray(start, end), entries);
  }
  return Buffer.concat(entries.length === 0 ? used : [...used, ...field(METADATA, entries)]);
}

function takeEntries(metadata: Uint8Array, entries: Uint8Array[]): void {
  for (const fields = new Fields(metadata); fields.next(); ) {
    const { number, isDelimited, at, start, end } = fields;
    if (!isDelimited || number !== ENTRIES || !KEYS.has(keyOf(metadata.subarray(start, end)))) continue;
    if (end - start > MAX_ENTRY_BYTES) throw new RangeError(`an entry of node.metadata has more than ${MAX_ENTRY_BYTES} bytes`);
    entries.push(metadata.subarray(at, end));
  }
}

/** The key of an entry, which encoders write first; empty for one that is longer than any that is used. */
function keyOf(entry: Uint8Array): string {
  if (entry[0] !== ((KEY << 3) | LENGTH_DELIMITED)) return "";
  const length = entry[1] ?? 0;
  return length > LONGEST_KEY ? "" : decodeUtf8(entry.subarray(2, 2 + length));
}
