import { createReadStream } from "node:fs";
import { whyUnread } from "../base/error.ts";
import { readBytes } from "../base/read-text.ts";
import { fail, ok, type Result } from "../model/result.ts";

export interface FileLimit {
  readonly maxBytes: number;
  readonly tooLarge: Result<never>;
  /** What a message calls the file; its path, if not given. */
  readonly name?: string;
}

/** The bytes of a file that a person named: a pipe's or a device's too, of which the size says nothing. Fails with `CannotRead`, or as `tooLarge` says. */
export async function readFile(path: string, { maxBytes, tooLarge, name = path }: FileLimit): Promise<Result<Buffer<ArrayBuffer>>> {
  try {
    const bytes = await readBytes(createReadStream(path), maxBytes);
    return bytes === undefined ? tooLarge : ok(bytes);
  } catch (error) {
    return fail("CannotRead", `${name} ${whyUnread(error)}`);
  }
}
