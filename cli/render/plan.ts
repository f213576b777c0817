import { describeMs } from "../../base/duration.ts";
import { duration } from "../../base/elapsed.ts";
import { clip, count, oneLine } from "../../base/text.ts";
import type { FilterPlan, PlannedProxies, PlannedProxy, PlannedReturn, PlannedWave } from "../../model/plan.ts";
import { describeSigned } from "../../model/verify.ts";
import { objectName } from "../fleet/client.ts";
import type { PlannedObject } from "../fleet/plan.ts";
import { renderChanges, type ShownChange } from "./changes.ts";
import { table } from "./table.ts";

/** Proxies of a wave that are named. */
const NAMED = 8;
/** Characters of what a proof says. */
const TEXT = 800;

/** What `weir plan` prints of one object. */
export function renderPlanned(planned: PlannedObject): string {
  const title = `${planned.kind} ${objectName(planned)}`;
  if (planned.action === "refused") {
    const { reason = "", message = "", waits } = planned.refusal ?? {};
    const lines = [`${reason}: ${oneLine(message)}`, ...(waits === undefined ? [] : [oneLine(waits)]), ...pinOf(planned)];
    return whole(`${title} would ${waits === undefined ? "be refused" : "wait"}`, indented(lines));
  }
  const pinned = indented(pinOf(planned));
  if (planned.action === "unchanged") return whole(`${title} would stay as it is`, pinned);
  return whole(`${title} would be ${planned.action}`, [...("revision" in planned ? renderFilter(planned) : []), ...pinned]);
}

/** What a pin by an earlier rollback means for an apply of a manifest that does not mention it. */
export function renderPin(name: string, pin: string): string {
  return `it stays pinned to ${pin}; \`weir rollback ${name} --unpin\` lets it follow its image`;
}

function pinOf(planned: PlannedObject): string[] {
  return "pin" in planned && planned.pin !== undefined ? [renderPin(planned.name, planned.pin)] : [];
}

function indented(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}

function whole(title: string, lines: readonly string[]): string {
  return `${[title, ...lines].join("\n")}\n`;
}

function renderFilter(plan: FilterPlan): string[] {
  const { before, after, rollout } = plan;
  const waves = rollout?.waves ?? [];
  return [
    ...renderChanges([...revisionRow(plan), ...plan.revision, ...fieldsBeside(plan)], "  "),
    ...(after === undefined || before?.number === after.number ? [] : [`  ${proofOf(plan)}`]),
    ...(plan.signatures ?? []).map((signature) => `  ${clip(oneLine(describeSigned(signature)), TEXT)}`),
    ...(plan.audited ?? []).map((violation) => `  audited: ${clip(oneLine(violation), TEXT)}`),
    ...table(undefined, [...backRow(rollout?.back), ...waves.map((wave) => waveRow(wave, rollout?.steps ?? 1))], "  "),
    ...(waves.length === 0 && rollout?.back === undefined && rollout?.waitsFor === undefined
      ? ["  no proxy gets another revision by it"]
      : []),
    ...(rollout?.waitsFor === undefined ? [] : [`  ${rollout.waitsFor}`]),
  ];
}

/** A first revision has nothing beside it: what it is made from is shown. */
function revisionRow({ before, after }: FilterPlan): ShownChange[] {
  if (after === undefined || before?.number === after.number) return [];
  const number = before === undefined ? {} : { before: String(before.number) };
  const row = { field: "revision", ...number, after: String(after.number) };
  if (before !== undefined) return [row];
  const { image, digest, wasmDigest } = after;
  return [row, { field: "image", after: image }, { field: "digest", after: digest }, { field: "wasmDigest", after: wasmDigest }];
}

/** Fields of the object that the revision does not tell already. */
function fieldsBeside({ object, revision }: FilterPlan): readonly ShownChange[] {
  const told = new Set(revision.map(({ field }) => `spec.${field}`));
  return object.filter(({ field }) => !told.has(field));
}

function proofOf({ proof, after }: FilterPlan): string {
  const { measurements: m, told } = proof ?? {};
  const fails =
    told === undefined ? "" : `; fails requests (${told.reason}), let through as spec.preflight.traffic is Report: ${told.message}`;
  if (m === undefined) return clip(oneLine(`proof: it was proved when revision ${after?.number} was made${fails}`), TEXT);
  const load = m.loadMs === undefined ? "" : `loads in ${describeMs(m.loadMs)} of CPU on each proxy, `;
  const did = m.effects.length === 0 ? "" : `; on its requests: ${m.effects.join(", ")}`;
  const imports = `imports ${m.imports.join(" ") || "nothing"}`;
  return clip(
    oneLine(`proof: passed, ABI ${m.abi}, ${m.size} bytes, ${load}${count(m.memoryPages, "memory page")}, ${imports}${did}${fails}`),
    TEXT,
  );
}

function waveRow(wave: PlannedWave, steps: number): string[] {
  const { step, percent, holdMs, pause, only } = wave;
  const then = pause ? ", then waits for weir rollout promote" : holdMs > 0 ? `, then holds ${duration(holdMs)}` : "";
  return [`wave ${step} of ${steps}`, `${percent}%${only === undefined ? "" : `, only ${oneLine(only)}`}${then}`, named(wave)];
}

/** Who leaves a rollout under way. */
function backRow(back: PlannedReturn | undefined): string[][] {
  if (back === undefined) return [];
  const where = back.revision === undefined ? "the filter leaves" : `back to revision ${back.revision}`;
  return [["at once", where, named(back)]];
}

function named({ proxies, first }: PlannedProxies): string {
  const shown = first.slice(0, NAMED).map(nameOf);
  const more = proxies > shown.length ? `, and ${proxies - shown.length} more` : "";
  const names = shown.length === 0 ? "" : `: ${shown.join(", ")}${more}`;
  return count(proxies, "proxy", names);
}

function nameOf({ namespace, id }: PlannedProxy): string {
  return `${namespace}/${id}`;
}
