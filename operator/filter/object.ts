import type { WasmFilter } from "../../model/gen/wasmfilter.ts";

/** What tells an object from one of the same name that was made later. */
export function uidOf({ metadata }: WasmFilter): string {
  return metadata.uid ?? `${metadata.namespace ?? "default"}/${metadata.name}`;
}
