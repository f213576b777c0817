import type { Claim, Fact, Facts, VolumeUse } from "../facts.ts";
import { about, type Finding } from "../finding.ts";

const NEARLY_FULL = 0.85;
const FULL = 0.98;

/** Whether the volumes of Weir's pod are there and have room. */
export function storage({ claims }: Facts): readonly Finding[] {
  return claims.map(({ name, found, use }) => ofClaim(name, found, use));
}

function ofClaim(name: string, found: Fact<Claim>, use: Fact<VolumeUse> | undefined): Finding {
  const line = about("volume");
  if (!found.ok)
    return found.error.status === 404
      ? line.fail(`the claim ${name} is not there; make it, or set persistence.existingClaim to one that is`)
      : line.unknown(found.error);
  const phase = found.value.status?.phase ?? "unknown";
  if (phase !== "Bound")
    return line.fail(`the claim ${name} is ${phase}: no volume yet; see its storage class with kubectl describe pvc ${name}`);
  if (use?.ok !== true) return line.ok(`the claim ${name} is bound`);
  const { used, capacity } = use.value;
  const percent = Math.round((used / capacity) * 100);
  const said = `the claim ${name} is ${percent} % full`;
  if (used >= capacity * FULL)
    return line.fail(`${said}: no new module can be stored; make it larger (persistence.size), or remove filters`);
  return used >= capacity * NEARLY_FULL ? line.warn(`${said}; make it larger (persistence.size)`) : line.ok(said);
}
