import { type VerifyDeps, verify } from "../resolve/verify.ts";
import type { AdmissionCheck, Findings } from "./check.ts";
import type { Choose } from "./choice.ts";

/**
 * Who signed the image, of what spec.verify and policies demand. An image may be signed after its filter is stored, so what is missing is a warning: nothing goes
 * out before it is there.
 */
export function signatureCheck(choose: Choose, deps: VerifyDeps): AdmissionCheck {
  return {
    fields: ["image", "url", "digest", "tagPolicy", "pullSecrets", "verify"],
    late: "spec.verify: the registry did not answer in time, so signatures were not looked at",
    async judge(subject, signal): Promise<Findings> {
      const { filter, record } = subject;
      if (filter.verify.length === 0 && deps.permits.demandsOf(filter).length === 0) return {};
      const chosen = await choose(subject, signal);
      // Of an image that is not found, another check tells.
      if (chosen === undefined || !chosen.ok) return {};
      const verified = await verify(filter, chosen.value.choice, record?.revisions ?? [], deps, signal);
      return verified.ok ? { signatures: verified.value.signatures } : { warnings: [shortened(verified.error.message)] };
    },
  };
}

/** A warning is cut where it is long, and a digest would be most of it. */
function shortened(message: string): string {
  return message.replace(/(@sha256:[0-9a-f]{12})[0-9a-f]{52}/g, "$1…");
}
