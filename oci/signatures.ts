import { ok, type Result } from "../model/result.ts";
import type { Verifier } from "../model/verify.ts";
import type { OciOptions } from "./open.ts";
import type { PrivateKey } from "./signature/private-key.ts";
import type { Predicate, Signed, SignOptions } from "./signature/sign.ts";

// All about signatures is loaded when it is first used: the libraries of sigstore take longer to load than everything else here, and many servers ask for no signature.

/** See oci/signature/verifier.ts. */
export function createVerifier(options: OciOptions): Verifier {
  return {
    async verify(...asked) {
      const { createVerifier: create } = await import("./signature/verifier.ts");
      return create(options).verify(...asked);
    },
  };
}

/** See oci/signature/sign.ts. */
export async function signImage(image: string, predicate: Predicate | undefined, options: SignOptions): Promise<Result<readonly Signed[]>> {
  const { signImage: sign } = await import("./signature/sign.ts");
  return sign(image, predicate, options);
}

/** See oci/signature/private-key.ts. */
export async function readPrivateKey(pem: string, password: string): Promise<Result<PrivateKey>> {
  const { readPrivateKey: read } = await import("./signature/private-key.ts");
  return read(pem, password);
}

/** Fails with `TrustRootInvalid` for what is no trust root. See oci/signature/trust-root.ts. */
export async function checkTrustRoot(text: string): Promise<Result<void>> {
  const { readTrustRoot } = await import("./signature/trust-root.ts");
  const read = readTrustRoot(text);
  return read.ok ? ok(undefined) : read;
}
