import { BinaryReader } from "@bufbuild/protobuf/wire";
import { MANAGED_KEY } from "../envoy/managed-sidecar.ts";
import { STATS_INTERVAL_KEY } from "../envoy/stats-interval.ts";
import { decodeUtf8, field } from "../protobuf/wire.ts";

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
  eachField(node, (number, at, start, end) => {
    if (number === EXTENSIONS) extension(start, end);
    else if (number === ID || number === BUILD_VERSION) used.push(node.subarray(at, end));
    else if (number === METADATA) takeEntries(node.subarray(start, end), entries);
  });
  return Buffer.concat(entries.length === 0 ? used : [...used, ...field(METADATA, entries)]);
}

function takeEntries(metadata: Uint8Array, entries: Uint8Array[]): void {
  eachField(metadata, (number, at, start, end) => {
    if (number !== ENTRIES || !KEYS.has(keyOf(metadata.subarray(start, end)))) return;
    if (end - start > MAX_ENTRY_BYTES) throw new RangeError(`an entry of node.metadata has more than ${MAX_ENTRY_BYTES} bytes`);
    entries.push(metadata.subarray(at, end));
  });
}

/** The key of an entry, which encoders write first; empty for one that is longer than any that is used. */
function keyOf(entry: Uint8Array): string {
  if (entry[0] !== ((KEY << 3) | LENGTH_DELIMITED)) return "";
  const length = entry[1] ?? 0;
  return length > LONGEST_KEY ? "" : decodeUtf8(entry.subarray(2, 2 + length));
}

/** Calls `found` with each length-delimited field: its number, where it begins, and where its content begins and ends. */
function eachField(message: Uint8Array, found: (number: number, at: number, start: number, end: number) => void): void {
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const at = reader.pos;
    const tag = reader.uint32();
    if ((tag & 7) !== LENGTH_DELIMITED) {
      reader.skip(tag & 7, tag >>> 3);
      continue;
    }
    const length = reader.uint32();
    const start = reader.pos;
    if (length > message.length - start) throw new RangeError("a field goes beyond its message");
    reader.pos = start + length;
    found(tag >>> 3, at, start, reader.pos);
  }
}
