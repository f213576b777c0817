import type { FilterKey } from "../../model/filter.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import { ok, type Result } from "../../model/result.ts";
import { usage } from "../args/usage.ts";
import type { FleetClient } from "./client.ts";
import type { FleetFlagValues } from "./flags.ts";

/** The fleet that flags and environment choose. A flag wins over every variable; flags that exclude each other are wrong usage. */
export function chooseFleet(
  flags: Pick<FleetFlagValues, "filters" | "kubeconfig" | "context">,
  env: Readonly<Record<string, string | undefined>>,
): Result<{ readonly kind: "folder"; readonly dir: string } | { readonly kind: "cluster" }> {
  const cluster = flags.kubeconfig !== undefined || flags.context !== undefined;
  if (flags.filters !== undefined && cluster)
    return usage("--filters works on a folder, --kubeconfig and --context on a cluster: give one of them");
  const dir = flags.filters ?? (cluster ? undefined : env.WEIR_FILTERS || undefined);
  return ok(dir === undefined ? { kind: "cluster" } : { kind: "folder", dir });
}

export interface FleetLimits {
  /** Longest wait for one answer of the API server, or of `weir serve`. */
  readonly timeoutMs?: number;
}

/** Opens the fleet that the flags choose: a folder, or a cluster. */
export async function openFleet(
  flags: FleetFlagValues,
  env: Readonly<Record<string, string | undefined>>,
  limits: FleetLimits = {},
): Promise<Result<FleetClient>> {
  const choice = chooseFleet(flags, env);
  if (!choice.ok) return choice;
  // Loaded when used: a folder needs no Kubernetes client.
  if (choice.value.kind === "folder") {
    const { openFolder } = await import("./folder.ts");
    return openFolder(choice.value.dir, { namespace: flags.namespace, server: flags.server, tokenFile: flags["token-file"], ...limits });
  }
  const { openCluster } = await import("./cluster.ts");
  return openCluster({ kubeconfig: flags.kubeconfig, context: flags.context, namespace: flags.namespace, env, ...limits });
}

/** A filter that a command names, and the fleet that holds it. */
export interface OpenedFilter {
  readonly fleet: FleetClient;
  readonly key: FilterKey;
  readonly filter: WasmFilter;
}

/** Opens the fleet that the flags choose, and reads the filter `NAME` or `NAMESPACE/NAME` there. */
export async function openFilter(
  name: string,
  flags: FleetFlagValues,
  env: Readonly<Record<string, string | undefined>>,
  limits: FleetLimits = {},
): Promise<Result<OpenedFilter>> {
  const fleet = await openFleet(flags, env, limits);
  if (!fleet.ok) return fleet;
  const key = filterKey(name, fleet.value.namespace);
  if (!key.ok) return key;
  const filter = await fleet.value.get(key.value);
  return filter.ok ? ok({ fleet: fleet.value, key: key.value, filter: filter.value }) : filter;
}

/** The filter a command names: `NAME` in the chosen namespace, or `NAMESPACE/NAME`. */
export function filterKey(text: string, namespace: string): Result<FilterKey> {
  const [first = "", second, ...rest] = text.split("/");
  const key = second === undefined ? { namespace, name: first } : { namespace: first, name: second };
  const fine = rest.length === 0 && [key.namespace, key.name].every((part) => /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(part));
  return fine ? ok(key) : usage(`"${text}" is not the name of a filter: write NAME or NAMESPACE/NAME`);
}
