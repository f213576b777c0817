import { open } from "node:fs/promises";

/** The file's bytes, `undefined` when there are more than `limit`. Throws what the file system throws. */
export async function readBounded(path: string, limit: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    if (size > limit) return undefined;
    const bytes = new Uint8Array(size);
    let offset = 0;
    while (offset < size) {
      const { bytesRead } = await file.read(bytes, offset, size - offset);
      if (bytesRead === 0) break;
      offset += bytesRead;
    }
    return offset === size ? bytes : bytes.slice(0, offset);
  } finally {
    await file.close();
  }
}
