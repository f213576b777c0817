import { parseByteCount } from "../../base/byte-count.ts";
import type { Result } from "../../model/result.ts";
import { ok } from "../../model/result.ts";
import { usage } from "./usage.ts";

/** Reads a size in bytes, plain or with a binary unit as Kubernetes writes it (`134217728`, `128Mi`); `flag` is named in the message. */
export function parseByteSize(text: string, flag: string): Result<number> {
  const bytes = parseByteCount(text);
  return bytes === undefined ? usage(`${flag} is a size in bytes, or for example 128Mi, not "${text}"`) : ok(bytes);
}
