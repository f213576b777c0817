import { BinaryReader } from "@bufbuild/protobuf/wire";
import type { Request } from "../protocol/subscription.ts";

/** Bytes of a resource name. The longest that Weir serves has 386. */
const MAX_NAME_BYTES = 512;
/** Bytes of a type URL, or a version that a client claims to hold. Real ones have at most a few hundred. */
const MAX_TEXT_BYTES = 1024;
/** Bytes of a node message. A real Envoy's has 60 KB, nearly all of it its list of extensions; sidecars of a mesh add some for their metadata. */
const MAX_NODE_BYTES = 512 * 1024;
/** Bytes of the error in a NACK, of which `MAX_ERROR_TEXT` characters are kept. */
const MAX_ERROR_BYTES = 64 * 1024;
const LENGTH_DELIMITED = 2;

/** What each field of a request may be, by its number. */
type Kind = "node" | "name" | "text" | "claim" | "error";

/** https://www.envoyproxy.io/docs/envoy/latest/api-v3/service/discovery/v3/discovery.proto */
const FIELDS: Record<Request["variant"], ReadonlyMap<number, Kind>> = {
  sotw: new Map<number, Kind>([
    [1, "text"],
    [2, "node"],
    [3, "name"],
    [4, "text"],
    [5, "text"],
    [6, "error"],
  ]),
  delta: new Map<number, Kind>([
    [1, "node"],
    [2, "text"],
    [3, "name"],
    [4, "name"],
    [5, "claim"],
    [6, "text"],
    [7, "error"],
  ]),
};

const BYTES: Record<Kind, number> = {
  node: MAX_NODE_BYTES,
  name: MAX_NAME_BYTES,
  text: MAX_TEXT_BYTES,
  claim: 2 * MAX_TEXT_BYTES + 16,
  error: MAX_ERROR_BYTES,
};
const WORDS: Record<Kind, string> = {
  node: "the node message",
  name: "a resource name",
  text: "a field",
  claim: "a claimed version",
  error: "error_detail",
};

/**
 * What a request has too much of, found before anything of it is decoded: `names`, or words for the client. The cost follows the bounds and not the request: it
 * ends at the first name too many.
 */
export function excessOf(variant: Request["variant"], bytes: Uint8Array, maxNames: number): "names" | (string & {}) | undefined {
  const fields = FIELDS[variant];
  const reader = new BinaryReader(bytes);
  let seen = 0;
  try {
    while (reader.pos < reader.len) {
      const tag = reader.uint32();
      seen += 1;
      const kind = fields.get(tag >>> 3);
      if ((tag & 7) !== LENGTH_DELIMITED) reader.skip(tag & 7, tag >>> 3);
      else {
        const length = reader.uint32();
        // No message at all: decoding tells.
        if (length > reader.len - reader.pos) return undefined;
        if (kind !== undefined && length > BYTES[kind]) return `${WORDS[kind]} may have at most ${BYTES[kind]} bytes, not ${length}`;
        reader.pos += length;
      }
      // Every other field comes once. What an encoder repeats without need counts as a name.
      if (seen > maxNames + fields.size) return "names";
    }
  } catch {
    // Decoding tells what is wrong.
  }
  return undefined;
}
