import { shortDigest } from "../../model/digest.ts";
import { filterId } from "../../model/filter.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import { historyOf } from "../../model/history.ts";
import { keyOf } from "../fleet/client.ts";
import { type FleetFlagValues, fleetFlags } from "../fleet/flags.ts";
import { filterKey, openFilter, openFleet } from "../fleet/open.ts";
import { createServerClient } from "../fleet/server.ts";
import type { Candidate, FindNames, LineSoFar, NamedKind } from "./complete.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** The person who pressed TAB waits: after this long, completion goes without names. */
const TIMEOUT_MS = 1_500;

/** Finds names in the fleet that the flags on the line, or the environment, choose. Gives none after `timeoutMs` milliseconds. */
export function createFindNames(env: Environment, timeoutMs = TIMEOUT_MS): FindNames {
  return async (kind, line) => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<readonly Candidate[]>((resolve) => {
      timer = setTimeout(resolve, timeoutMs, []);
    });
    try {
      return await Promise.race([find(kind, line, env), late]);
    } catch {
      // Completion is silent about errors; the command itself reports them.
      return [];
    } finally {
      clearTimeout(timer);
    }
  };
}

function find(kind: NamedKind, line: LineSoFar, env: Environment): Promise<readonly Candidate[]> {
  const flags = fleetFlagsOf(line);
  switch (kind) {
    case "filter":
      return filters(flags, env);
    case "namespace":
      return namespaces(flags, env);
    case "revision":
      return revisions(line.args[0], flags, env);
    case "proxy":
      return proxies(flags);
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

/** The filters of all namespaces, or, if those may not be read, of the chosen one. */
async function list(flags: FleetFlagValues, env: Environment): Promise<Listed> {
  const opened = await openFleet(flags, env, { timeoutMs: TIMEOUT_MS });
  if (!opened.ok) return { namespace: "", filters: [] };
  const { namespace } = opened.value;
  const all = await opened.value.list(undefined);
  const found = all.ok ? all : await opened.value.list(namespace);
  return { namespace, filters: found.ok ? found.value : [] };
}

/** Bare names in the chosen namespace, then `NAMESPACE/NAME` of the others. */
async function filters(flags: FleetFlagValues, env: Environment): Promise<readonly Candidate[]> {
  const listed = await list(flags, env);
  const own = listed.filters.filter((filter) => keyOf(filter).namespace === listed.namespace);
  const others = listed.filters.filter((filter) => keyOf(filter).namespace !== listed.namespace);
  const help = ({ spec }: WasmFilter) => spec.image ?? spec.url ?? "";
  return [
    ...own.map((filter) => ({ word: filter.metadata.name, help: help(filter) })),
    ...others.map((filter) => ({ word: filterId(keyOf(filter)), help: help(filter) })),
  ];
}

async function namespaces(flags: FleetFlagValues, env: Environment): Promise<readonly Candidate[]> {
  const listed = await list(flags, env);
  const names = new Set(listed.filters.map((filter) => keyOf(filter).namespace));
  return [...names].sort().map((word) => ({ word, help: "" }));
}

async function revisions(name: string | undefined, flags: FleetFlagValues, env: Environment): Promise<readonly Candidate[]> {
  if (name === undefined || !filterKey(name, "default").ok) return [];
  const opened = await openFilter(name, flags, env, { timeoutMs: TIMEOUT_MS });
  const history = opened.ok ? historyOf(opened.value.filter.status) : [];
  return history.map(({ revision, digest, result }) => ({ word: String(revision), help: `${shortDigest(digest)} ${result}` }));
}

async function proxies(flags: FleetFlagValues): Promise<readonly Candidate[]> {
  const server = createServerClient(flags.server, { tokenFile: flags["token-file"], timeoutMs: TIMEOUT_MS });
  const found = server.ok ? await server.value.proxies() : server;
  return found.ok ? found.value.map(({ id, namespace }) => ({ word: id, help: namespace })) : [];
}

async function contexts(flags: FleetFlagValues, env: Environment): Promise<readonly Candidate[]> {
  const { loadKubeconfig } = await import("../fleet/kubeconfig.ts");
  const config = loadKubeconfig({ kubeconfig: flags.kubeconfig, context: undefined, env });
  return config.ok ? config.value.getContexts().map(({ name, cluster }) => ({ word: name, help: cluster })) : [];
}

async function images(env: Environment): Promise<readonly Candidate[]> {
  const { listLocal, shownName } = await import("../local-images.ts");
  const found = await listLocal(env);
  return found.ok ? found.value.map((image) => ({ word: shownName(image), help: shortDigest(image.digest) })) : [];
}
