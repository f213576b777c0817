import type { Access, Facts } from "../facts.ts";
import { about, type Finding } from "../finding.ts";

/** What whoever asks may do with the fleet, and whether Weir's ServiceAccount has its rights. */
export function access({ own, weirs, self }: Facts): readonly Finding[] {
  const line = about("your rights");
  const user = self.ok ? self.value.user : "this account";
  const mine = own.ok
    ? missing(own.value).length === 0
      ? line.ok(`${user} may use the fleet's commands in every namespace`)
      : line.warn(`${user} may not ${missing(own.value).join(", ")} in every namespace, which weir apply, rollback and delete need there`)
    : line.unknown(own.error);
  return weirs === undefined ? [mine] : [mine, ofWeir(weirs)];
}

function ofWeir(weirs: NonNullable<Facts["weirs"]>): Finding {
  const line = about("weir's rights");
  if (!weirs.ok) return line.unknown(weirs.error);
  const lacks = missing(weirs.value);
  if (lacks.length === 0) return line.ok(`its ServiceAccount has all ${weirs.value.length} that it needs`);
  return line.fail(`its ServiceAccount may not ${lacks.join(", ")}; upgrade the chart, or grant what its roles say (rbac.create)`);
}

/** `list apps/controllerrevisions` */
function missing(rights: readonly Access[]): string[] {
  return rights
    .filter(({ allowed }) => !allowed)
    .map(({ verb, group, resource }) => `${verb} ${group === "" ? "" : `${group}/`}${resource}`);
}
