import { createReadStream } from "node:fs";
import { whyUnread } from "../base/error.ts";
import { readText } from "../base/read-text.ts";
import { fail, ok, type Result } from "../model/result.ts";
import type { Flag } from "./args/syntax.ts";

/** Of `weir serve`, and of what verifies identities. */
export const trustRootFlag = {
  type: "string",
  value: "FILE",
  completes: "file",
  help: "whom to trust about identities: a sigstore trusted_root.json",
  env: "WEIR_TRUST_ROOT",
} as const satisfies Flag;

/** The text of a trust root that can be read; `undefined` where none is named. */
export async function readTrustRootFile(path: string | undefined): Promise<Result<string | undefined>> {
  if (path === undefined) return ok(undefined);
  const { MAX_TRUST_ROOT_BYTES, readTrustRoot } = await import("../oci/index.ts");
  try {
    const text = await readText(createReadStream(path), MAX_TRUST_ROOT_BYTES);
    if (text === undefined) return fail("TrustRootInvalid", `--trust-root ${path} is larger than 1 MiB`);
    const read = readTrustRoot(text);
    return read.ok ? ok(text) : fail(read.error.reason, `--trust-root ${path}: ${read.error.message}`);
  } catch (error) {
    return fail("CannotRead", `--trust-root ${path} ${whyUnread(error)}`);
  }
}
