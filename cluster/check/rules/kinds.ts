import type { Facts } from "../facts.ts";
import { about, type Finding } from "../finding.ts";
import { type Crd, narrowings } from "../narrowing.ts";

const SHOWN = 3;
const UPGRADE = "upgrade them: helm upgrade, or kubectl apply --server-side -f crds/";

/** Whether each kind of Weir's API is there, as this version knows it. */
export function kinds({ kinds }: Facts): readonly Finding[] {
  return kinds.map(({ wanted, found }) => {
    const { name } = wanted.metadata;
    const line = about("kinds");
    if (!found.ok) {
      if (found.error.status !== 404) return line.unknown(found.error);
      return line.fail(`${name} is not there; install the chart weir-crds, or kubectl apply --server-side -f crds/`);
    }
    return compare(wanted, found.value);
  });
}

function compare(wanted: Crd, found: Crd): Finding {
  const { name } = wanted.metadata;
  const line = about("kinds");
  const lacks = narrowings(wanted, found);
  if (lacks.length > 0) {
    const more = lacks.length > SHOWN ? ` and ${lacks.length - SHOWN} more` : "";
    return line.fail(`${name} is of an older version (${lacks.slice(0, SHOWN).join("; ")}${more}); ${UPGRADE}`);
  }
  const newer = narrowings(found, wanted).length > 0;
  return newer
    ? line.warn(`${name} is of a newer version than this weir; use a weir of the version that runs in the cluster`)
    : line.ok(`${name} is of this version`);
}
