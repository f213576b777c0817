import type { Filter } from "../../model/filter.ts";
import type { PolicyDemand } from "../../model/policy.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import {
  type KeyReference,
  MAX_REQUIREMENTS,
  requirementId,
  type SignatureDemand,
  type Signer,
  type VerifyRequirement,
} from "../../model/verify.ts";
import type { Permits } from "../policy/permits.ts";
import type { Source } from "../source/source.ts";
import { about } from "./failure.ts";

/** Bytes of a public key or a trust root. */
const MAX_TEXT_BYTES = 1 << 20;

export interface RequirementDeps {
  readonly source: Pick<Source, "secret" | "configMap">;
  /** What policies demand beside. */
  readonly permits: Pick<Permits, "demandsOf">;
  /** The trust root of demands that name none. */
  readonly trustRoot?: string | undefined;
}

/**
 * What spec.verify and policies demand, its keys and trust roots read; what both demand counts once. Fails where one of them is not there, and with
 * `TooManySignatures`: their verdicts are kept in the revision, which has bounds.
 */
export async function requirementsOf(filter: Filter, deps: RequirementDeps): Promise<Result<readonly VerifyRequirement[]>> {
  const { verify, key } = filter;
  const own = verify.map((demand, index) => ({ origin: `spec.verify[${index}]`, demand }));
  const ofPolicies = deps.permits
    .demandsOf(filter)
    .map(({ policy, place, demand }) => ({ origin: `WasmPolicy ${policy}, ${place}`, demand }));
  const requirements = new Map<string, VerifyRequirement>();
  for (const { origin, demand } of [...own, ...ofPolicies]) {
    const requirement = await requirementOf(demand, origin, key.namespace, deps);
    if (!requirement.ok) return requirement;
    const id = requirementId(requirement.value);
    const same = requirements.get(id);
    requirements.set(id, same === undefined ? requirement.value : { ...same, also: [...(same.also ?? []), origin] });
  }
  if (requirements.size <= MAX_REQUIREMENTS) return ok([...requirements.values()]);
  const asked = `spec.verify and the policies of ${key.namespace} ask for ${requirements.size} signatures, more than ${MAX_REQUIREMENTS}`;
  return fail("TooManySignatures", `${asked}; ask for fewer`);
}

/** What a policy that is only audited demands, its key or trust root read. */
export function auditedRequirement(
  { place, demand }: PolicyDemand,
  namespace: string,
  deps: RequirementDeps,
): Promise<Result<VerifyRequirement>> {
  return requirementOf(demand, place, namespace, deps);
}

async function requirementOf(
  demand: SignatureDemand,
  origin: string,
  namespace: string,
  { source, trustRoot }: RequirementDeps,
): Promise<Result<VerifyRequirement>> {
  const requirement = await read(demand, origin, namespace, source);
  return requirement.ok ? ok(withRoot(requirement.value, trustRoot)) : { ok: false, error: about(origin, requirement.error) };
}
/** The trust root is a part of what is demanded: under another one it is judged again. */
function withRoot(requirement: VerifyRequirement, trustRoot: string | undefined): VerifyRequirement {
  const { signer } = requirement;
  if (signer.kind === "key" || signer.trustRoot !== undefined) return requirement;
  return { ...requirement, signer: { ...signer, trustRoot } };
}

async function read(
  { signer, attestation }: SignatureDemand,
  origin: string,
  namespace: string,
  source: Pick<Source, "secret" | "configMap">,
): Promise<Result<VerifyRequirement>> {
  const text = await textOf(signer.kind === "key" ? signer.publicKey : signer.trustRoot, namespace, source);
  if (!text.ok) return text;
  const whole: Signer<string> = signer.kind === "key" ? { kind: "key", publicKey: text.value ?? "" } : { ...signer, trustRoot: text.value };
  const from = signer.kind === "key" && typeof signer.publicKey === "object" ? { keyFrom: nameOf(signer.publicKey) } : {};
  return ok({ origin, signer: whole, attestation, ...from });
}

const KINDS = { secret: "Secret", configMap: "ConfigMap" } as const;

function nameOf({ kind, namespace, name }: KeyReference): string {
  return `${KINDS[kind]} ${namespace === undefined ? "" : `${namespace}/`}${name}`;
}

async function textOf(
  text: string | KeyReference | undefined,
  home: string,
  source: Pick<Source, "secret" | "configMap">,
): Promise<Result<string | undefined>> {
  if (typeof text !== "object") return ok(text);
  const { kind, name, key, namespace = home } = text;
  const found = kind === "secret" ? await source.secret(namespace, name) : await source.configMap(namespace, name);
  if (!found.ok) return found;
  const what = `${KINDS[kind]} ${namespace}/${name}`;
  const value = found.value.data.get(key);
  if (value === undefined) return fail(`${KINDS[kind]}KeyNotFound`, `${what} has no key "${key}"; add it`);
  if (value.byteLength > MAX_TEXT_BYTES) return fail("KeyTooLarge", `key "${key}" of ${what} is larger than 1 MiB; name another`);
  return ok(value.toString("utf8"));
}
