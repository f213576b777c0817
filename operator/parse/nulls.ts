import type { Fields } from "../../model/kube.ts";
import { withoutNulls as without } from "./defaults.ts";
import { wasmFilterSchema } from "./schema.ts";

/** A WasmFilter without the nulls that stand for "not set". Those inside its configuration are values, and stay. */
export function withoutNulls<T extends Fields>(filter: T): T {
  return without(wasmFilterSchema(), filter) as T;
}
