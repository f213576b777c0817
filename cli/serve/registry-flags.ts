import type { Flag } from "../args/syntax.ts";
import { mirrorFlag } from "../mirrors.ts";
import { allowAddressFlag } from "../modules.ts";
import { registryCaFlag } from "../registry-ca.ts";

/** Flags of `weir serve` that say how it speaks to registries, and with what. */
export const serveRegistryFlags = {
  "plain-http": { type: "string", multiple: true, value: "HOST:PORT", help: "a registry to speak HTTP to (loopback ones always are)" },
  "allow-address": allowAddressFlag,
  "registry-ca": registryCaFlag,
  mirror: mirrorFlag,
  "registry-auth-file": {
    type: "string",
    value: "FILE",
    completes: "file",
    help: "Weir's own credentials for registries, as docker login and podman login keep them, or with credential helpers that it names",
    env: "WEIR_REGISTRY_AUTH_FILE",
  },
  "shared-repository": {
    type: "string",
    multiple: true,
    value: "[NAMESPACE=]REGISTRY[/PATH]",
    help: "let filters (of this namespace only) read these repositories with --registry-auth-file; those of Weir's own namespace, and of a folder, may read all",
    env: "WEIR_SHARED_REPOSITORY",
  },
  "pull-service-account": {
    type: "string",
    value: "NAME",
    help: "use the imagePullSecrets of this ServiceAccount of a filter's namespace too, as pods do: default",
    env: "WEIR_PULL_SERVICE_ACCOUNT",
  },
  "registry-webhook-address": {
    type: "string",
    value: "HOST:PORT",
    help: "hear here from registries (CNCF distribution's notifications) that tags moved, and look at them at once",
    env: "WEIR_REGISTRY_WEBHOOK_ADDRESS",
  },
  "registry-webhook-secret-file": {
    type: "string",
    value: "FILE",
    completes: "file",
    help: "the secret that those notifications have in their header Authorization",
    env: "WEIR_REGISTRY_WEBHOOK_SECRET_FILE",
  },
} as const satisfies Record<string, Flag>;
