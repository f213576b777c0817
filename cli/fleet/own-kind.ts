import { readFileSync } from "node:fs";
import { parse } from "yaml";

/** The CustomResourceDefinition of this version. */
export function ownKind() {
  return parse(readFileSync(new URL("../../crds/wasmfilters.weir.dev.yaml", import.meta.url), "utf8"));
}
