import type { Flag } from "../args/syntax.ts";

/** Flags of `weir serve` that say where its keys are. */
export const keyFlags = {
  "key-store": {
    type: "string",
    help: "where the private key and the authority of --xds-tls auto are: file (below --data), or secret (Secrets of --own-namespace)",
    fallback: "file",
    choices: ["file", "secret"],
    env: "WEIR_KEY_STORE",
  },
} as const satisfies Record<string, Flag>;
