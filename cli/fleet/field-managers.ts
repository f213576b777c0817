import { fieldsOf, recordsOf } from "../../base/json.ts";
import type { FilterPatch } from "../../model/filter-patch.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import { fail, type Result } from "../../model/result.ts";
import { keyOf, objectName } from "./client.ts";

/** Field manager of what `weir` writes. https://kubernetes.io/docs/reference/using-api/server-side-apply/#managers */
export const MANAGER = "weir-cli";

/** A field that a command changes and that another manager applies. */
export interface FieldConflict {
  readonly manager: string;
  /** `spec.image` */
  readonly field: string;
}

/**
 * The fields that a patch changes and that others apply: whoever keeps manifests elsewhere sets them back at its next apply. Who wrote them once, as `kubectl edit` does, is
 * not in the way. Empty for a folder. https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts
 */
export function fieldConflicts({ spec, metadata }: WasmFilter, patch: FilterPatch): readonly FieldConflict[] {
  const changed = (["image", "digest"] as const).filter((name) => patch[name] !== undefined && (patch[name] ?? undefined) !== spec[name]);
  return recordsOf(fieldsOf(metadata).managedFields).flatMap(({ manager, operation, subresource, fieldsV1 }) => {
    if (operation !== "Apply" || subresource !== undefined || manager === MANAGER) return [];
    const owned = fieldsOf(fieldsOf(fieldsV1)["f:spec"]);
    return changed.filter((name) => `f:${name}` in owned).map((name) => ({ manager: String(manager), field: `spec.${name}` }));
  });
}

/** What to tell of them, as one sentence. */
export function describeConflicts(filter: WasmFilter, conflicts: readonly FieldConflict[]): string {
  const who = conflicts.slice(0, 4).map(({ manager, field }) => `conflict with "${manager}" over ${field}`);
  return `${objectName(keyOf(filter))}: ${who.join(", ")}, which would be set back at its next apply`;
}

/** Failure of a command that takes nothing from others unless it is told to. */
export function refuseConflicts(filter: WasmFilter, conflicts: readonly FieldConflict[]): Result<never> {
  return fail(
    "Conflict",
    `${describeConflicts(filter, conflicts)}; change it where that manager has it, or take it with --force-conflicts`,
  );
}
