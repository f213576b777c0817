import { isRecord } from "../../../base/json.ts";

/** Managers that are looked through; an API server keeps fewer. */
const MAX_ENTRIES = 100;

/**
 * The manager that wrote fields of the spec last, by an object's `metadata.managedFields`. Whoever may write the object chose the name. Times are whole seconds: of several in one,
 * it is another than `before`, who wrote what was there until now.
 * https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
 */
export function specManager(managedFields: unknown, before?: string): string | undefined {
  if (!Array.isArray(managedFields)) return undefined;
  let last: { readonly manager: string; readonly time: string } | undefined;
  for (const entry of managedFields.slice(0, MAX_ENTRIES)) {
    if (!isRecord(entry) || !isRecord(entry.fieldsV1) || !("f:spec" in entry.fieldsV1) || entry.subresource !== undefined) continue;
    const { manager, time = "" } = entry;
    if (typeof manager !== "string" || manager === "" || typeof time !== "string") continue;
    if (last === undefined || time > last.time || (time === last.time && manager !== before)) last = { manager, time };
  }
  return last?.manager;
}
