import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { EnvoyVersion } from "../../scripts/tools/envoy.ts";
import { type Envoy, startEnvoy } from "./envoy.ts";

// biome-ignore lint/suspicious/noExplicitAny: a part of another project's configuration, changed at a path that stands in the documentation
export type Loose = any;

type Json = Readonly<Record<string, unknown>>;

/** What another control plane serves, by the file that stands in for its discovery. */
export interface Discovered {
  readonly lds: readonly Json[];
  readonly rds: readonly Json[];
  readonly cds: readonly Json[];
  readonly eds: readonly Json[];
}

/** The key of a config source -> where the resources are that it asks for. */
const SOURCES: Readonly<Record<string, keyof Discovered>> = {
  lds_config: "lds",
  cds_config: "cds",
  eds_config: "eds",
  config_source: "rds",
};

export interface OtherEnvoy {
  readonly bootstrap: Json;
  readonly discovered: Discovered;
  /** Where the files go. */
  readonly folder: string;
  readonly version: EnvoyVersion;
  readonly args?: readonly string[];
}

/** Starts an Envoy as another control plane sets it up. Only its connection to that control plane is another: files in place of its ADS. */
export async function startOtherEnvoy({ bootstrap, discovered, folder, version, args = [] }: OtherEnvoy): Promise<Envoy> {
  const { eds, ...kinds } = discovered;
  const write = (file: string, resources: readonly Json[]) =>
    writeFile(join(folder, file), JSON.stringify({ resources: fromFiles(resources, folder) }));
  for (const [kind, resources] of Object.entries(kinds)) await write(`${kind}.json`, resources);
  for (const assignment of eds) await write(endpointsFile(String(assignment.cluster_name)), [assignment]);
  const { dynamic_resources: dynamic, ...rest } = bootstrap;
  const { ads_config: _, ...sources } = (dynamic ?? {}) as Json;
  const config = JSON.stringify(fromFiles({ ...rest, dynamic_resources: sources }, folder));
  return startEnvoy({ config, version, log: "warning", args });
}

function endpointsFile(name: string): string {
  return `eds-${encodeURIComponent(name)}.json`;
}

/** The same with files where it says `ads`, and for logs: a test's Envoy cannot open its own output a second time. */
function fromFiles(value: unknown, folder: string): unknown {
  if (value === "/dev/stdout") return join(folder, "stdout.log");
  if (Array.isArray(value)) return value.map((item) => fromFiles(item, folder));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]) => {
    const kind = SOURCES[key];
    if (kind === undefined || (inner as Json).ads === undefined) return [key, fromFiles(inner, folder)];
    // Envoy wants the endpoints of one cluster in a file.
    const file = kind === "eds" ? endpointsFile(String((value as Json).service_name)) : `${kind}.json`;
    return [key, { resource_api_version: "V3", path_config_source: { path: join(folder, file) } }];
  });
  return Object.fromEntries(entries);
}

/** The names of protobuf in place of those of its JSON: `httpFilters` becomes `http_filters`. Keys that are no such name stay. */
export function protoNames(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(protoNames);
  if (typeof value !== "object" || value === null) return value;
  const named = (key: string) => (/^[a-z][a-zA-Z0-9]*$/.test(key) ? key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) : key);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [named(key), protoNames(inner)]));
}

/** The operation `add` of JSON Patch, on a copy. https://www.rfc-editor.org/rfc/rfc6902#section-4.1 */
export function jsonPatchAdd<T>(document: T, path: string, value: unknown): T {
  const copy = structuredClone(document);
  const keys = path.split("/").slice(1);
  const last = keys.pop() ?? "";
  let at: Loose = copy;
  for (const key of keys) {
    at = at?.[key];
    if (at === undefined) throw new Error(`${path}: there is no "${key}"`);
  }
  if (Array.isArray(at)) at.splice(last === "-" ? at.length : Number(last), 0, value);
  else at[last] = value;
  return copy;
}

/** `$(NAME)` in arguments of a container, as the kubelet puts its environment there. */
export function expanded(text: string, env: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$\((\w+)\)/g, (whole, name: string) => env[name] ?? whole);
}
