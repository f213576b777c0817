import type { Arguments, Flag, FlagValues } from "../args/syntax.ts";

/** Flags of every command on the fleet. */
export const fleetFlags = {
  filters: {
    type: "string",
    value: "DIR",
    completes: "folder",
    help: "work on this folder of manifests instead of a cluster (or $WEIR_FILTERS)",
  },
  kubeconfig: {
    type: "string",
    value: "FILE",
    completes: "file",
    help: "work on this kubeconfig's cluster (or $KUBECONFIG, else ~/.kube/config)",
  },
  context: { type: "string", value: "NAME", completes: "context", help: "context of the kubeconfig to use" },
  server: {
    type: "string",
    value: "URL",
    help: "read API of the running `weir serve`, which knows the proxies",
    env: "WEIR_SERVER",
    fallback: "http://127.0.0.1:18001",
  },
  "token-file": {
    type: "string",
    value: "FILE",
    completes: "file",
    help: "file with a reader's token, for a `weir serve` that asks who reads",
    env: "WEIR_TOKEN_FILE",
  },
  namespace: {
    type: "string",
    short: "n",
    value: "NAMESPACE",
    completes: "namespace",
    help: "namespace to work in (default: the context's, else `default`)",
  },
} as const satisfies Record<string, Flag>;

/** The flags of a command on the cluster's Weir itself. */
export const weirFlags = {
  kubeconfig: fleetFlags.kubeconfig,
  context: fleetFlags.context,
  namespace: {
    ...fleetFlags.namespace,
    help: "where Weir is installed",
    fallback: "weir-system",
    env: "WEIR_NAMESPACE",
  },
} as const satisfies Record<string, Flag>;

export const allNamespaces = {
  "all-namespaces": { type: "boolean", short: "A", help: "list every namespace" },
} as const satisfies Record<string, Flag>;

/** The flag of what changes fields of filters that others may apply. */
export const conflictsFlag = {
  "force-conflicts": {
    type: "boolean",
    help: "change also what another field manager of the cluster applies, as in kubectl; its next apply may set it back",
  },
} as const satisfies Record<string, Flag>;

export const outputFlag = {
  output: { type: "string", short: "o", value: "FORMAT", help: "print JSON instead of text", choices: ["json"] },
} as const satisfies Record<string, Flag>;

/** As kubectl has it, of what lists objects. */
export const objectsFlag = {
  output: {
    type: "string",
    short: "o",
    value: "FORMAT",
    help: "print objects for programs, their names, or more columns",
    choices: ["json", "yaml", "name", "wide"],
  },
} as const satisfies Record<string, Flag>;

export type FleetFlagValues = FlagValues<typeof fleetFlags>;

/** The flag for manifests; what the command does with them is its own help. */
export const manifestsFlag = { type: "string", short: "f", multiple: true, value: "FILE", completes: "file" } as const;

/** The argument of every command on one filter. */
export const filterArgument = {
  name: { value: "NAME", completes: "filter", help: "the filter, or NAMESPACE/NAME" },
} as const satisfies Arguments;
