/** Watching WasmFilters, deciding what every proxy gets, and saying in the status what it really runs. */
export { createOperator, type Operator, type OperatorOptions } from "./operator.ts";
export { parseFilter, problemsOf } from "./parse/filter.ts";
export { type FilterRecord, refusesTarget, revisionOf } from "./record.ts";
export { createFolderSource } from "./source/folder/folder.ts";
export { createKubernetesSource } from "./source/kubernetes/source.ts";
export type { FilterEvent, Source } from "./source/source.ts";
