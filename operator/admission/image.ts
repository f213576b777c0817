import type { Refusal } from "../../model/admission.ts";
import type { Digest } from "../../model/digest.ts";
import type { Failure } from "../../model/result.ts";
import { pullKeychain } from "../resolve/credentials.ts";
import type { ModuleDeps } from "../resolve/module.ts";
import { keptBy } from "../resolve/module.ts";
import type { AdmissionCheck, Findings, Subject } from "./check.ts";

const LATE = "spec.image: the registry did not answer in time, so it was not looked at";

/** The image is written as a reference, and its repository has the digest that it names. A tag may be pushed later: that it is not there is a warning. */
export function imageCheck(deps: ModuleDeps): AdmissionCheck {
  return {
    fields: ["image", "digest", "pullSecrets"],
    late: LATE,
    async judge({ filter, record }: Subject, signal): Promise<Findings> {
      const { source, pin, key } = filter;
      if (source.kind === "url") return {};
      const { image } = source;
      const keychain = await pullKeychain(filter, deps);
      if (!keychain.ok) return { warnings: [keychain.error.message] };
      const kept = keptBy(record?.revisions ?? [], () => deps.revisionsOf(key.namespace));
      const found = await deps.registry.resolve(image, pin, { keychain: keychain.value, namespace: key.namespace, kept, signal });
      return found.ok ? {} : tell(found.error, image, pin);
    },
  };
}

function tell({ reason, message }: Failure, image: string, pin: Digest | undefined): Findings {
  const path = pin !== undefined && reason !== "InvalidReference" ? "spec.digest" : "spec.image";
  const refusal: Refusal = { path, message };
  const isPinned = pin !== undefined || image.includes("@sha256:");
  if (reason === "InvalidReference" || (reason === "ImageNotFound" && isPinned)) return { refusals: [refusal] };
  return { warnings: [reason === "Canceled" ? LATE : `${path}: ${message}`] };
}
