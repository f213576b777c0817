import { shortDigest } from "../../model/digest.ts";
import { filterId } from "../../model/filter.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import { historyOf } from "../../model/history.ts";
import { keyOf } from "../fleet/client.ts";
import { type FleetFlagValues, fleetFlags } from "../fleet/flags.ts";
import { filterKey, openFleet } from "../fleet/open.ts";
import { createServerClient } from "../fleet/server.ts";
import type { Candidate, FindNames, LineSoFar, NamedKind } from "./complete.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** The person who pressed TAB waits: the longest for one answer. A folder has its names without its server's. */
const TIMEOUT_MS = 1_500;
/** So many answers may come late, one after the other; then completion goes without names. */
const LATE_ANSWERS = 2;

/** Asks whoever knows the names. */
type Ask = () => Promise<readonly Candidate[]>;

/**
 * Finds names in the fleet that the flags on the line, or the environment, choose. Waits `timeoutMs` milliseconds for an answer, and gives none after twice that. It
 * begins when the code that asks is loaded: a slow machine is no fleet that does not answer.
 */
export function createFindNames(env: Environment, timeoutMs = TIMEOUT_MS): FindNames {
  return async (kind, line) => {
    let timer: NodeJS.Timeout | undefined;
    try {
      const ask = await open(kind, line, env, timeoutMs);
      const late = new Promise<readonly Candidate[]>((resolve) => {
        timer = setTimeout(resolve, LATE_ANSWERS * timeoutMs, []);
      });
      return await Promise.race([ask(), late]);
    } catch {
      // Completion is silent about errors; the command itself reports them.
      return [];
    } finally {
      clearTimeout(timer);
    }
  };
}

/** Loads the code for a kind of names. Waits for nobody. */
function open(kind: NamedKind, line: LineSoFar, env: Environment, timeoutMs: number): Promise<Ask> | Ask {
  const flags = fleetFlagsOf(line);
  switch (kind) {
    case "filter":
      return filters(flags, env, timeoutMs);
    case "policy":
      return policies(flags, env, timeoutMs);
    case "namespace":
      return namespaces(flags, env, timeoutMs);
    case "revision":
      return revisions(line.args[0], flags, env, timeoutMs);
    case "proxy":
      return () => proxies(flags, timeoutMs);
    case "context":
      return contexts(flags, env);
    case "image":
      return images(env);
  }
}

/** The fleet flags on the line. A command that has none gets their defaults. */
function fleetFlagsOf({ flags }: LineSoFar): FleetFlagValues {
  const text = (name: keyof typeof fleetFlags) => (typeof flags[name] === "string" ? flags[name] : undefined);
  return {
    filters: text("filters"),
    kubeconfig: text("kubeconfig"),
    context: text("context"),
    namespace: text("namespace"),
    server: text("server") ?? fleetFlags.server.fallback,
    "token-file": text("token-file"),
  };
}

interface Listed {
  /** The namespace of names without one. */
  readonly namespace: string;
  readonly filters: readonly WasmFilter[];
}

/** Lists the filters of all namespaces, or, if those may not be read, of the chosen one. */
async function openList(flags: FleetFlagValues, env: Environment, timeoutMs: number): Promise<() => Promise<Listed>> {
  const opened = await openFleet(flags, env, { timeoutMs });
  if (!opened.ok) return async () => ({ namespace: "", filters: [] });
  const fleet = opened.value;
  return async () => {
    const all = await fleet.list(undefined);
    const found = all.ok ? all : await fleet.list(fleet.namespace);
    return { namespace: fleet.namespace, filters: found.ok ? found.value : [] };
  };
}

/** Bare names in the chosen namespace, then `NAMESPACE/NAME` of the others. */
async function filters(flags: FleetFlagValues, env: Environment, timeoutMs: number): Promise<Ask> {
  const list = await openList(flags, env, timeoutMs);
  const help = ({ spec }: WasmFilter) => spec.image ?? spec.url ?? "";
  return async () => {
    const listed = await list();
    const own = listed.filters.filter((filter) => keyOf(filter).namespace === listed.namespace);
    const others = listed.filters.filter((filter) => keyOf(filter).namespace !== listed.namespace);
    return [
      ...own.map((filter) => ({ word: filter.metadata.name, help: help(filter) })),
      ...others.map((filter) => ({ word: filterId(keyOf(filter)), help: help(filter) })),
    ];
  };
}

/** Each with the mode that it has. */
async function policies(flags: FleetFlagValues, env: Environment, timeoutMs: number): Promise<Ask> {
  const opened = await openFleet(flags, env, { timeoutMs });
  return async () => {
    const found = opened.ok ? await opened.value.policies() : opened;
    return found.ok ? found.value.map(({ metadata, spec }) => ({ word: metadata.name, help: spec?.mode ?? "Enforce" })) : [];
  };
}

async function namespaces(flags: FleetFlagValues, env: Environment, timeoutMs: number): Promise<Ask> {
  const list = await openList(flags, env, timeoutMs);
  return async () => {
    const names = new Set((await list()).filters.map((filter) => keyOf(filter).namespace));
    return [...names].sort().map((word) => ({ word, help: "" }));
  };
}

async function revisions(name: string | undefined, flags: FleetFlagValues, env: Environment, timeoutMs: number): Promise<Ask> {
  const fleet = await openFleet(flags, env, { timeoutMs });
  const key = fleet.ok && name !== undefined ? filterKey(name, fleet.value.namespace) : undefined;
  return async () => {
    if (!fleet.ok || !key?.ok) return [];
    const found = await fleet.value.get(key.value);
    const history = found.ok ? historyOf(found.value.status) : [];
    return history.map(({ revision, digest, result }) => ({ word: String(revision), help: `${shortDigest(digest)} ${result}` }));
  };
}

async function proxies(flags: FleetFlagValues, timeoutMs: number): Promise<readonly Candidate[]> {
  const server = createServerClient(flags.server, { tokenFile: flags["token-file"], timeoutMs });
  const found = server.ok ? await server.value.proxies() : server;
  return found.ok ? found.value.map(({ id, namespace }) => ({ word: id, help: namespace })) : [];
}

async function contexts(flags: FleetFlagValues, env: Environment): Promise<Ask> {
  const { loadKubeconfig } = await import("../fleet/kubeconfig.ts");
  return async () => {
    const config = loadKubeconfig({ kubeconfig: flags.kubeconfig, context: undefined, env });
    return config.ok ? config.value.getContexts().map(({ name, cluster }) => ({ word: name, help: cluster })) : [];
  };
}

async function images(env: Environment): Promise<Ask> {
  const { openLocal, shownName } = await import("../local-images.ts");
  const images = await openLocal(env);
  return async () => {
    const found = await images.list();
    return found.ok ? found.value.map((image) => ({ word: shownName(image), help: shortDigest(image.digest) })) : [];
  };
}
