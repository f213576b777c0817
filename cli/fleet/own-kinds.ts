import { readFileSync } from "node:fs";
import { parse } from "yaml";

const KINDS = ["wasmfilters", "wasmpolicies"];

/** The CustomResourceDefinitions of this version. */
export function ownKinds() {
  return KINDS.map((kind) => parse(readFileSync(new URL(`../../crds/${kind}.weir.dev.yaml`, import.meta.url), "utf8")));
}
