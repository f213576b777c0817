import { Fields } from "../protobuf/wire.ts";
import type { Request } from "../protocol/subscription.ts";

/** Bytes of a resource name. The longest that Weir serves has 386. */
const MAX_NAME_BYTES = 512;
/** Bytes of a type URL, or a version that a client claims to hold. Real ones have at most a few hundred. */
const MAX_TEXT_BYTES = 1024;
/** Bytes of a node message. A real Envoy's has 60 KB, nearly all of it its list of extensions; sidecars of a mesh add some for their metadata. */
const MAX_NODE_BYTES = 512 * 1024;
/** Bytes of the error in a NACK, of which `MAX_ERROR_TEXT` characters are kept. */
const MAX_ERROR_BYTES = 64 * 1024;

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
  const kinds = FIELDS[variant];
  let seen = 0;
  try {
    for (const fields = new Fields(bytes); fields.next(); ) {
      seen += 1;
      const kind = fields.isDelimited ? kinds.get(fields.number) : undefined;
      const length = fields.end - fields.start;
      if (kind !== undefined && length > BYTES[kind]) return `${WORDS[kind]} may have at most ${BYTES[kind]} bytes, not ${length}`;
      // Every other field comes once. What an encoder repeats without need counts as a name.
      if (seen > maxNames + kinds.size) return "names";
    }
  } catch {
    // No message at all: decoding tells what is wrong.
  }
  return undefined;
}
