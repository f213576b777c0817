/** The whole of a stream; `undefined` if it has more bytes than that, and then it is not read to its end. Throws what the stream throws. */
export async function readBytes(stream: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Buffer<ArrayBuffer> | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.byteLength;
    if (size > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The same as text. */
export async function readText(stream: AsyncIterable<Uint8Array>, maxBytes: number): Promise<string | undefined> {
  return (await readBytes(stream, maxBytes))?.toString("utf8");
}
