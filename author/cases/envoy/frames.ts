import type { ClientHttp2Stream, IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { Message, Pairs } from "../../../preflight/index.ts";

/** Longest body that is kept of what passes, in bytes. */
const MAX_BODY = 16 << 20;

/** Headers as node:http2 takes them. */
export function fieldsOf(pairs: Pairs): Record<string, string | string[]> {
  const fields: Record<string, string | string[]> = {};
  for (const [name, value] of pairs) {
    const known = fields[name];
    fields[name] = known === undefined ? value : [...(typeof known === "string" ? [known] : known), value];
  }
  return fields;
}

/** Headers as node:http2 gives them; several values of one name may come as one. */
export function pairsOf(fields: IncomingHttpHeaders): Pairs {
  return Object.entries(fields).flatMap(([name, value]) => {
    if (value === undefined) return [];
    return (Array.isArray(value) ? value : [value]).map((each) => [name, String(each)] as const);
  });
}

/** Writes a body so that each chunk is a DATA frame of its own, the last one with the end of the stream. Does nothing for a stream that is gone. */
export async function writeChunks(stream: ClientHttp2Stream | ServerHttp2Stream, { body }: Pick<Message, "body">): Promise<void> {
  for (const chunk of body.slice(0, -1)) {
    if (stream.destroyed) return;
    await new Promise<void>((resolve) => stream.write(chunk, () => setImmediate(resolve)));
  }
  if (!stream.destroyed) stream.end(body.at(-1));
}

/** Gathers what comes on a stream. Resolves at its end; rejects when it breaks. */
export function readBody(
  stream: ClientHttp2Stream | ServerHttp2Stream,
): Promise<{ readonly body: Uint8Array[]; readonly trailers: Pairs }> {
  return new Promise((resolve, reject) => {
    const body: Uint8Array[] = [];
    let size = 0;
    let trailers: Pairs = [];
    stream.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= MAX_BODY) body.push(chunk);
    });
    stream.once("trailers", (fields: IncomingHttpHeaders) => {
      trailers = pairsOf(fields);
    });
    stream.once("end", () => resolve({ body, trailers }));
    stream.once("error", reject);
    stream.once("aborted", () => reject(new Error("the stream was reset")));
    stream.once("close", () => reject(new Error("the stream was closed")));
  });
}
