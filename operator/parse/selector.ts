import type { LabelSelector } from "../../model/filter.ts";
import type { WasmFilterSpecSelector } from "../../model/gen/wasmfilter.ts";

/** A selector that passed the schema. One that is absent selects everything. */
export function toSelector(given: WasmFilterSpecSelector | undefined): LabelSelector {
  return {
    matchLabels: given?.matchLabels ?? {},
    matchExpressions: (given?.matchExpressions ?? []).map(({ key, operator, values }) => ({ key, operator, values: values ?? [] })),
  };
}
