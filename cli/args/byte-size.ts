import type { Result } from "../../model/result.ts";
import { ok } from "../../model/result.ts";
import { usage } from "./usage.ts";

const UNITS = { "": 1, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30 } as const;

/** Reads a size in bytes, plain or with a binary unit as Kubernetes writes it (`134217728`, `128Mi`); `flag` is named in the message. */
export function parseByteSize(text: string, flag: string): Result<number> {
  const [, digits, unit] = /^(\d{1,12})(Ki|Mi|Gi|)$/.exec(text) ?? [];
  if (digits === undefined || unit === undefined) return usage(`${flag} is a size in bytes, or for example 128Mi, not "${text}"`);
  return ok(Number(digits) * UNITS[unit as keyof typeof UNITS]);
}
