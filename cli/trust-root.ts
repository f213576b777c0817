import { fail, ok, type Result } from "../model/result.ts";
import type { Flag } from "./args/syntax.ts";
import { readFile } from "./read-file.ts";

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
  const { checkTrustRoot, MAX_TRUST_ROOT_BYTES } = await import("../oci/index.ts");
  const name = `--trust-root ${path}`;
  const tooLarge = fail("TrustRootInvalid", `${name} is larger than 1 MiB`);
  const bytes = await readFile(path, { maxBytes: MAX_TRUST_ROOT_BYTES, tooLarge, name });
  if (!bytes.ok) return bytes;
  const text = bytes.value.toString("utf8");
  const read = await checkTrustRoot(text);
  return read.ok ? ok(text) : fail(read.error.reason, `${name}: ${read.error.message}`);
}
