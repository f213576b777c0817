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
  "pod-certificates": {
    type: "string",
    help: "sign pod certificates for weir.dev/proxy with the authority of --xds-tls auto; auto: where the cluster offers them, on: or do not start",
    fallback: "off",
    choices: ["auto", "on", "off"],
    env: "WEIR_POD_CERTIFICATES",
  },
} as const satisfies Record<string, Flag>;
