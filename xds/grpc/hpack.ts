import { decodeHuffman } from "./huffman.ts";

/** Header names in lower case, pseudo-headers with their colon. A name that comes twice has its values joined by commas. */
export type Headers = ReadonlyMap<string, string>;

/** A header with what it counts in a table. */
interface Entry {
  readonly name: string;
  readonly value: string;
  /** https://www.rfc-editor.org/rfc/rfc7541#section-4.1 */
  readonly size: number;
}

/** Bytes that an entry counts beyond its text. */
const ENTRY_OVERHEAD = 32;

function entryOf(name: string, value: string): Entry {
  return { name, value, size: name.length + value.length + ENTRY_OVERHEAD };
}

/** `name` or `name=value`, in the order of their numbers from 1. https://www.rfc-editor.org/rfc/rfc7541#appendix-A */
const STATIC_TABLE: readonly Entry[] = (
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
    return entryOf(name, value.replace("_", " "));
  });

/** What a peer may use before it has taken our settings, and the bound we leave it at. */
const TABLE_SIZE = 4096;
/** Bytes of names and values of one message. */
const MAX_HEADERS_SIZE = 64 * 1024;

const NOTHING = Buffer.alloc(0);

/** Decodes header blocks; keeps the table that they build up along a connection. https://www.rfc-editor.org/rfc/rfc7541 */
export class HeaderDecoder {
  /** Newest last. */
  private readonly table: Entry[] = [];
  private tableSize = 0;
  private limit = TABLE_SIZE;
  private block: Buffer = NOTHING;
  private at = 0;

  /** `malformed`: the connection cannot go on. `tooLarge`: this message cannot, the connection can. */
  decode(block: Buffer): Headers | "malformed" | "tooLarge" {
    this.block = block;
    this.at = 0;
    const headers = this.decodeBlock(block);
    // It would keep all that came with it in memory for as long as the connection lasts.
    this.block = NOTHING;
    return headers;
  }

  private decodeBlock(block: Buffer): Headers | "malformed" | "tooLarge" {
    const headers = new Map<string, string>();
    let size = 0;
    while (this.at < block.length) {
      const byte = block[this.at] ?? 0;
      if ((byte & 0xe0) === 0x20) {
        if (headers.size > 0 || !this.resize(this.integer(5))) return "malformed";
        continue;
      }
      const entry = byte & 0x80 ? this.entry(this.integer(7)) : this.literal(byte & 0x40 ? 6 : 4);
      if (entry === undefined) return "malformed";
      if ((byte & 0xc0) === 0x40) this.add(entry);
      size += entry.size;
      // Decoding goes on: later blocks count on what this one adds to the table.
      if (size <= MAX_HEADERS_SIZE) addHeader(headers, entry.name, entry.value);
    }
    return size > MAX_HEADERS_SIZE ? "tooLarge" : headers;
  }

  private add(entry: Entry): void {
    this.table.push(entry);
    this.tableSize += entry.size;
    this.evict();
  }

  /** False when the peer wants more than it may have. */
  private resize(limit: number): boolean {
    if (!(limit <= TABLE_SIZE)) return false;
    this.limit = limit;
    this.evict();
    return true;
  }

  private evict(): void {
    while (this.tableSize > this.limit) this.tableSize -= this.table.shift()?.size ?? 0;
  }

  private entry(index: number): Entry | undefined {
    return index <= STATIC_TABLE.length ? STATIC_TABLE[index - 1] : this.table[this.table.length - (index - STATIC_TABLE.length)];
  }

  private literal(prefix: number): Entry | undefined {
    const index = this.integer(prefix);
    const name = index === 0 ? this.string() : this.entry(index)?.name;
    const value = this.string();
    return name === undefined || value === undefined ? undefined : entryOf(name, value);
  }

  /** An integer whose first bits share a byte with something else; NaN when it ends early or is too long. https://www.rfc-editor.org/rfc/rfc7541#section-5.1 */
  private integer(prefix: number): number {
    const most = (1 << prefix) - 1;
    let value = (this.block[this.at++] ?? 0) & most;
    if (value < most) return value;
    for (let shift = 0; shift <= 21; shift += 7) {
      const byte = this.block[this.at++];
      if (byte === undefined) return Number.NaN;
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return Number.NaN;
  }

  private string(): string | undefined {
    const { block } = this;
    const huffman = ((block[this.at] ?? 0) & 0x80) !== 0;
    const length = this.integer(7);
    const start = this.at;
    if (!(length <= block.length - start)) return undefined;
    this.at = start + length;
    return huffman ? decodeHuffman(block, start, this.at) : block.toString("latin1", start, this.at);
  }
}

function addHeader(headers: Map<string, string>, name: string, value: string): void {
  const earlier = headers.get(name);
  if (earlier === undefined) headers.set(name, value);
  // A pseudo-header may come once: twice makes it nothing, which no request may have.
  else headers.set(name, name.startsWith(":") ? "" : `${earlier},${value}`);
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
