import type { Access, Facts } from "../facts.ts";
import { about, type Finding } from "../finding.ts";

/** What whoever asks may do with the fleet, and whether Weir's ServiceAccount has its rights. */
export function access(facts: Facts): readonly Finding[] {
  return [...ofAsker(facts), ...(facts.weirs === undefined ? [] : [ofWeir(facts.weirs)])];
}

/** A program that looks (`helm test`) is not asked to use the fleet's commands. */
function ofAsker({ own, self }: Facts): readonly Finding[] {
  const line = about("your rights");
  const user = self.ok ? self.value.user : "this account";
  if (user.startsWith("system:serviceaccount:")) return [];
  if (!own.ok) return [line.unknown(own.error)];
  const lacks = missing(own.value);
  if (lacks === "") return [line.ok(`${user} may use the fleet's commands in every namespace`)];
  return [
    line.warn(`${user} may not ${lacks} in every namespace; where that is so, some of weir get, apply, rollback and delete are refused`),
  ];
}

function ofWeir(weirs: NonNullable<Facts["weirs"]>): Finding {
  const line = about("weir's rights");
  if (!weirs.ok) return line.unknown(weirs.error);
  const lacks = missing(weirs.value);
  if (lacks === "") return line.ok(`its ServiceAccount has all ${weirs.value.length} that it needs`);
  return line.fail(`its ServiceAccount may not ${lacks}; upgrade the chart, or grant what its roles say (rbac.create)`);
}

/** `list, create apps/controllerrevisions and get pods`; empty where nothing is missing. */
function missing(rights: readonly Access[]): string {
  const verbs = new Map<string, string[]>();
  for (const { verb, group, resource, allowed } of rights) {
    const name = `${group === "" ? "" : `${group}/`}${resource}`;
    if (!allowed) verbs.set(name, [...(verbs.get(name) ?? []), verb]);
  }
  return [...verbs].map(([name, those]) => `${those.join(", ")} ${name}`).join(" and ");
}
