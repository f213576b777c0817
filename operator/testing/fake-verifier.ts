import type { Digest } from "../../model/digest.ts";
import { fail, failForNow, ok } from "../../model/result.ts";
import { requirementId, type Verifier } from "../../model/verify.ts";

/** A registry's signatures in memory. */
export interface FakeVerifier extends Verifier {
  /** This manifest is signed with the key. */
  sign(digest: Digest, publicKey: string): void;
  /** True: the registry cannot be read. */
  down: boolean;
  /** How often it was asked. */
  asked: number;
}

export function createFakeVerifier(): FakeVerifier {
  const signatures = new Map<Digest, Set<string>>();
  const verifier: FakeVerifier = {
    down: false,
    asked: 0,
    sign(digest, publicKey) {
      signatures.set(digest, new Set(signatures.get(digest)).add(publicKey));
    },
    async verify(image, digest, requirements, { audit }) {
      verifier.asked++;
      if (verifier.down) return failForNow("RegistryUnavailable", `the signatures of ${image} cannot be read`);
      return ok(
        [...requirements, ...(audit?.requirements ?? [])].map((each) => {
          const by = each.signer.kind === "key" ? each.signer.publicKey : undefined;
          const holds = by !== undefined && signatures.get(digest)?.has(by) === true;
          return holds ? ok({ requirement: requirementId(each), by }) : fail("SignatureNotFound", `${each.origin}: ${image} is not signed`);
        }),
      );
    },
  };
  return verifier;
}
