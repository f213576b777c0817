import { describeMs } from "../../base/duration.ts";
import { clip, count } from "../../base/text.ts";
import type { Measurements } from "../../model/verdict.ts";

/** Characters of what is said of signatures. */
const LONGEST = 1_024;

/** What the condition says where every signature holds. */
export function verifiedBy(signers: readonly string[]): string {
  const by = signers.length === 0 ? "" : `: ${[...new Set(signers)].join(", ")}`;
  return clip(`every signature that is asked for holds${by}`, LONGEST);
}

/** What the condition says of a module that was proved. */
export function measuredAs(m: Measurements): string {
  const load = m.loadMs === undefined ? "" : `loads in ${describeMs(m.loadMs)} of CPU on each proxy, `;
  const did = m.effects.length === 0 ? "" : `; on its requests: ${m.effects.join(", ")}`;
  return (
    `ABI ${m.abi}, ${m.size} bytes, ${load}compiled in ${m.compileMs.toFixed(0)} ms, started in ${m.startMs.toFixed(0)} ms, ` +
    `${count(m.memoryPages, "memory page")}, imports ${m.imports.join(" ") || "nothing"}${did}`
  );
}
