import { promisify } from "node:util";
import { brotliDecompress, gunzip, inflate, zstdDecompress } from "node:zlib";

type Decoder = (bytes: Uint8Array, options: { maxOutputLength: number }) => Promise<Buffer>;

/** https://www.iana.org/assignments/http-parameters/http-parameters.xhtml#content-coding */
const DECODERS: Readonly<Record<string, Decoder>> = {
  gzip: promisify(gunzip),
  "x-gzip": promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
  zstd: promisify(zstdDecompress),
};

const MAX_ENCODINGS = 3;

/** The encodings of a body, in the order in which they were applied. Weir asks for none, and gets some all the same. */
export function encodingsOf(headers: Headers): readonly string[] {
  const names = (headers.get("content-encoding") ?? "").split(",").map((name) => name.trim().toLowerCase());
  return names.filter((name) => name !== "" && name !== "identity");
}

/** The body without its encodings, at most `limit` bytes; `undefined` when it does not have them, or is longer. */
export async function decode(
  bytes: Uint8Array<ArrayBuffer>,
  encodings: readonly string[],
  limit: number,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (encodings.length > MAX_ENCODINGS) return undefined;
  let decoded: Uint8Array<ArrayBuffer> = bytes;
  for (const name of encodings.toReversed()) {
    const decoder = DECODERS[name];
    if (decoder === undefined) return undefined;
    try {
      const { buffer, byteOffset, byteLength } = await decoder(decoded, { maxOutputLength: Math.max(1, limit) });
      decoded = new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
    } catch {
      return undefined;
    }
  }
  return decoded;
}
