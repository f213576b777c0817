import type { Flag } from "../args/syntax.ts";

/** Flags of `weir serve` about what the pages show of registries. */
export const catalogFlags = {
  catalog: {
    type: "string",
    multiple: true,
    value: "REGISTRY/REPOSITORY",
    help: "show this repository in the catalog of the pages: read with --registry-auth-file, and for everybody who may read the pages",
    env: "WEIR_CATALOG",
  },
} as const satisfies Record<string, Flag>;
