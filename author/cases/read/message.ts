import { type Message, message, type Pairs } from "../../../preflight/index.ts";
import type { Place } from "../../yaml/place.ts";
import { DEFAULTS, requestMessage } from "../request.ts";
import { readBytes } from "./bytes.ts";
import type { Reading } from "./reading.ts";

const PARTS = ["headers", "body", "chunks", "trailers"] as const;
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const METHOD = /^[A-Z][A-Z-]{0,31}$/;
/** Printable, as a request line has it. */
const PATH = /^\/[\u0021-\u007e]*$/;
const HOST = /^[\u0021-\u007e]+$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they end a header
const VALUE = /^[^\u0000\r\n]*$/;

/** A request, as the proxy hands it to its filters. */
export function readRequest(reading: Reading, place: Place | undefined): Message {
  if (place !== undefined) reading.map(place, ["method", "path", "host", "scheme", ...PARTS]);
  const own = (key: "method" | "path" | "host" | "scheme", form: RegExp, what: string): string => {
    const given = place?.get(key);
    const text = given === undefined ? DEFAULTS[key] : reading.text(given);
    if (given !== undefined && !form.test(text)) reading.wrong(given, what);
    return text;
  };
  return requestMessage({
    method: own("method", METHOD, "must be a method such as GET"),
    path: own("path", PATH, "must begin with / and have no spaces"),
    host: own("host", HOST, "must be a host name"),
    scheme: own("scheme", /^https?$/, "must be http or https"),
    ...readParts(reading, place),
  });
}

/** An answer of the upstream or of a service that the filter calls: 200 without a body where nothing else is said. */
export function readAnswer(reading: Reading, place: Place | undefined, more: readonly string[] = []): Message {
  if (place !== undefined) reading.map(place, ["status", ...PARTS, ...more]);
  const status = reading.whole(place?.get("status"), 200, 599, 200);
  const { headers, body, trailers } = readParts(reading, place);
  return message([[":status", String(status)], ...headers], body, trailers);
}

interface Parts {
  readonly headers: Pairs;
  readonly body: readonly Uint8Array[];
  readonly trailers: Pairs;
}

function readParts(reading: Reading, place: Place | undefined): Parts {
  const body = place?.get("body");
  const chunks = place?.get("chunks");
  if (body !== undefined && chunks !== undefined) reading.wrong(chunks, "stands beside body; a body is one or the other");
  const pieces = body === undefined ? reading.list(chunks).map((chunk) => readBytes(reading, chunk)) : [readBytes(reading, body)];
  const empty = pieces.findIndex((piece) => piece.length === 0);
  if (empty >= 0 && chunks !== undefined) reading.wrong(chunks.items()[empty] ?? chunks, "is empty; a chunk has at least one byte");
  return {
    headers: readPairs(reading, place?.get("headers")),
    body: pieces.filter((piece) => piece.length > 0),
    trailers: readPairs(reading, place?.get("trailers")),
  };
}

/** A map of names; a name that comes more than once has a list of values. */
export function readPairs(reading: Reading, place: Place | undefined): Pairs {
  if (place === undefined || place.value === null) return [];
  if (!place.isMap) reading.wrong(place, "must be a map of names and values");
  return place.entries().flatMap(({ key, place: given }) => {
    const name = key.toLowerCase();
    if (!NAME.test(name)) reading.wrong(given, "is no name of a header; method, path, host and status have fields of their own");
    const values = given.isList ? reading.list(given) : [given];
    return values.map((each) => {
      const value = reading.text(each);
      if (!VALUE.test(value)) reading.wrong(each, "has a line break or a NUL, which no header can have");
      return [name, value] as const;
    });
  });
}
