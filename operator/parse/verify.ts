import { RE2JS } from "@bufbuild/re2";
import { messageOf } from "../../base/error.ts";
import { fieldsOf } from "../../base/json.ts";
import { clip, oneLine } from "../../base/text.ts";
import type { WasmFilterSpec } from "../../model/gen/wasmfilter.ts";
import type { SignatureDemand, TextMatch } from "../../model/verify.ts";
import { isFields } from "./defaults.ts";
import { joinPath, type Problem } from "./problem.ts";

/** One signature as the CRDs write it, in spec.verify of a filter and wherever else one is demanded. */
export type CosignEntry = NonNullable<WasmFilterSpec["verify"]>[number]["cosign"] & {
  /** Of policies alone. */
  readonly publicKeyConfigMap?: { readonly name: string; readonly key: string };
};

/** The demand that an entry makes. It passed the schema and the rules. */
export function toDemand(entry: CosignEntry): SignatureDemand {
  return { signer: entry.keyless === undefined ? toKey(entry) : toKeyless(entry.keyless), attestation: entry.attestation };
}

function toKey({ publicKey = "", publicKeySecret, publicKeyConfigMap }: CosignEntry): SignatureDemand["signer"] {
  if (publicKeySecret !== undefined) return { kind: "key", publicKey: { kind: "secret", ...publicKeySecret } };
  return { kind: "key", publicKey: publicKeyConfigMap === undefined ? publicKey : { kind: "configMap", ...publicKeyConfigMap } };
}

function toKeyless(keyless: NonNullable<CosignEntry["keyless"]>): SignatureDemand["signer"] {
  const { issuer, issuerRegExp, identity, identityRegExp, trustRoot } = keyless;
  return {
    kind: "keyless",
    issuer: toMatch(issuer, issuerRegExp),
    identity: toMatch(identity, identityRegExp),
    trustRoot: trustRoot && { kind: "configMap", ...trustRoot.configMapKeyRef },
  };
}

function toMatch(exact = "", regExp?: string): TextMatch {
  return regExp === undefined ? { exact } : { regExp };
}

/** Regular expressions of identities that RE2 does not read. `spec`: of a filter that passed the schema. */
export function verifyProblems(spec: unknown): Problem[] {
  return isFields(spec) ? demandProblems(spec.verify, "spec.verify") : [];
}

/** The same for a list of demands at this path. */
export function demandProblems(verify: unknown, path: string): Problem[] {
  const entries: readonly unknown[] = Array.isArray(verify) ? verify : [];
  return entries.flatMap((entry, index) => {
    const cosign = isFields(entry) && isFields(entry.cosign) ? entry.cosign : {};
    const keyless = isFields(cosign.keyless) ? cosign.keyless : {};
    return (["issuerRegExp", "identityRegExp"] as const).flatMap((name) => {
      const why = whyUnread(keyless[name]);
      return why === undefined ? [] : [{ path: `${joinPath(path, index)}.cosign.keyless.${name}`, message: why }];
    });
  });
}

/** Steps of an expression that are tried at each character of an identity. Those of people have some hundred; what repeats repetitions has tens of thousands, and would take minutes. */
const MAX_STEPS = 2_000;

function whyUnread(regExp: unknown): string | undefined {
  if (typeof regExp !== "string") return undefined;
  try {
    return stepsOf(RE2JS.compile(regExp)) > MAX_STEPS ? "repeats too much, and would take long to match; make it simpler" : undefined;
  } catch (error) {
    return `not a regular expression that RE2 reads: ${clip(oneLine(messageOf(error)), 200)}`;
  }
}

/** It has no name for them that others may use. */
function stepsOf(expression: RE2JS): number {
  const { prog } = fieldsOf(fieldsOf(expression).re2Input);
  const { inst } = fieldsOf(prog);
  return Array.isArray(inst) ? inst.length : 0;
}
