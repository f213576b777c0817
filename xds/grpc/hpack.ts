import { decodeHuffman } from "./huffman.ts";

/** Header names in lower case, pseudo-headers with their colon. A name that comes twice has its values joined by commas. */
export type Headers = ReadonlyMap<string, string>;

/** `name` or `name=value`, in the order of their numbers from 1. https://www.rfc-editor.org/rfc/rfc7541#appendix-A */
const STATIC_TABLE: readonly (readonly [string, string])[] = (
  ":authority :method=GET :method=POST :path=/ :path=/index.html :scheme=http :scheme=https :status=200 :status=204 :status=206 " +
  ":status=304 :status=400 :status=404 :status=500 accept-charset accept-encoding=gzip,_deflate accept-language accept-ranges accept " +
  "access-control-allow-origin age allow authorization cache-control content-disposition content-encoding content-language content-length " +
  "content-location content-range content-type cookie date etag expect expires from host if-match if-modified-since if-none-match if-range " +
  "if-unmodified-since last-modified link location max-forwards proxy-authenticate proxy-authorization range referer refresh retry-after server " +
  "set-cookie strict-transport-security transfer-encoding user-agent vary via www-authenticate"
)
  .split(" ")
  .map((entry) => {
    const [name = "", value = ""] = entry.split("=");
    return [name, value.replace("_", " ")] as const;
  });

/** Bytes that an entry counts beyond its text. https://www.rfc-editor.org/rfc/rfc7541#section-4.1 */
const ENTRY_OVERHEAD = 32;
/** What a peer may use before it has taken our settings, and the bound we leave it at. */
const TABLE_SIZE = 4096;
/** Bytes of names and values of one message. */
const MAX_HEADERS_SIZE = 64 * 1024;

/** Decodes header blocks; keeps the table that they build up along a connection. https://www.rfc-editor.org/rfc/rfc7541 */
export interface HeaderDecoder {
  /** `malformed`: the connection cannot go on. `tooLarge`: this message cannot, the connection can. */
  decode(block: Buffer): Headers | "malformed" | "tooLarge";
}

export function createHeaderDecoder(): HeaderDecoder {
  /** Newest first. */
  const table: (readonly [string, string])[] = [];
  let tableSize = 0;
  let limit = TABLE_SIZE;

  function evict(): void {
    while (tableSize > limit) tableSize -= sizeOf(table.pop());
  }

  function add(entry: readonly [string, string]): void {
    table.unshift(entry);
    tableSize += sizeOf(entry);
    evict();
  }

  function entryAt(index: number): readonly [string, string] | undefined {
    return index <= STATIC_TABLE.length ? STATIC_TABLE[index - 1] : table[index - STATIC_TABLE.length - 1];
  }

  return {
    decode(block) {
      const reader = createReader(block);
      const headers = new Map<string, string>();
      let size = 0;
      while (reader.more()) {
        const byte = reader.peek();
        if ((byte & 0xe0) === 0x20) {
          const wanted = reader.integer(5);
          if (wanted === undefined || wanted > TABLE_SIZE || headers.size > 0) return "malformed";
          limit = wanted;
          evict();
          continue;
        }
        const entry = byte & 0x80 ? entryAt(reader.integer(7) ?? 0) : literal(reader, byte & 0x40 ? 6 : 4, entryAt);
        if (entry === undefined) return "malformed";
        if ((byte & 0xc0) === 0x40) add(entry);
        size += sizeOf(entry);
        // Decoding goes on: later blocks count on what this one adds to the table.
        if (size > MAX_HEADERS_SIZE) continue;
        const [name, value] = entry;
        const earlier = headers.get(name);
        // A pseudo-header may come once: twice makes it nothing, which no request may have.
        const again = name.startsWith(":") ? "" : `${earlier},${value}`;
        headers.set(name, earlier === undefined ? value : again);
      }
      return size > MAX_HEADERS_SIZE ? "tooLarge" : headers;
    },
  };
}

type Reader = ReturnType<typeof createReader>;

function createReader(block: Buffer) {
  let at = 0;

  /** An integer whose first bits share a byte with something else. https://www.rfc-editor.org/rfc/rfc7541#section-5.1 */
  function integer(prefix: number): number | undefined {
    const most = (1 << prefix) - 1;
    let value = (block[at++] ?? 0) & most;
    if (value < most) return value;
    for (let shift = 0; shift <= 21; shift += 7) {
      const byte = block[at++];
      if (byte === undefined) return undefined;
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return undefined;
  }

  return {
    more: () => at < block.length,
    peek: () => block[at] ?? 0,
    integer,
    string(): string | undefined {
      const huffman = ((block[at] ?? 0) & 0x80) !== 0;
      const length = integer(7);
      if (length === undefined || length > block.length - at) return undefined;
      const bytes = block.subarray(at, at + length);
      at += length;
      return huffman ? decodeHuffman(bytes) : bytes.toString("latin1");
    },
  };
}

function literal(reader: Reader, prefix: number, entryAt: (index: number) => readonly [string, string] | undefined) {
  const index = reader.integer(prefix);
  if (index === undefined) return undefined;
  const name = index === 0 ? reader.string() : entryAt(index)?.[0];
  const value = reader.string();
  return name === undefined || value === undefined ? undefined : ([name, value] as const);
}

function sizeOf(entry: readonly [string, string] | undefined): number {
  return entry === undefined ? 0 : entry[0].length + entry[1].length + ENTRY_OVERHEAD;
}

/** Encodes headers with names known by both sides or spelled out: no table, no compression. */
export function encodeHeaders(headers: Readonly<Record<string, string>>): Buffer {
  return Buffer.concat(Object.entries(headers).flatMap(([name, value]) => [Buffer.from([0]), encodeString(name), encodeString(value)]));
}

function encodeString(text: string): Buffer {
  const bytes = Buffer.from(text, "latin1");
  const length: number[] = [];
  if (bytes.length < 127) length.push(bytes.length);
  else {
    length.push(127);
    let rest = bytes.length - 127;
    for (; rest > 127; rest >>= 7) length.push((rest & 127) | 128);
    length.push(rest);
  }
  return Buffer.concat([Buffer.from(length), bytes]);
}
