import { isUtf8 } from "node:buffer";
import { existsSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { PROJECT_FILE, type Project, readProject } from "../../author/index.ts";
import { systemClock } from "../../model/clock.ts";
import { digestOf, shortDigest } from "../../model/digest.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { createFolderSource, readFolder, type Source } from "../../operator/index.ts";
import type { FlagValues } from "../args/syntax.ts";
import { readSchema } from "../artifact.ts";
import { type FoundModule, findModule, type registryFlags } from "../modules.ts";
import { printNote } from "../output.ts";
import type { Terminal } from "../terminal.ts";
import { readConfiguration } from "../verify-spec.ts";
import { createAppliedFilter, type FilterContent } from "./applied.ts";
import { pullSecretOf, registriesOf } from "./credentials.ts";
import { type envoyFlags, findLocalEnvoy } from "./find-envoy.ts";
import { type Expected, inForce } from "./in-force.ts";
import { type Local, type LocalOptions, startLocal } from "./local.ts";
import { placeFilters } from "./places.ts";
import { howItEnded, tellProxy } from "./proxy.ts";
import { inScope, openFolder, type Scope } from "./scope.ts";
import { localSource } from "./source.ts";
import { createNoPreflight } from "./unproved.ts";

export interface RunOptions extends Omit<LocalOptions, "plainHttp">, FlagValues<typeof registryFlags>, FlagValues<typeof envoyFlags> {
  readonly config: string | undefined;
  readonly "root-id": string | undefined;
  readonly namespace: string | undefined;
  readonly slot: readonly string[];
  readonly "skip-preflight": boolean;
  readonly remote: boolean;
}

/** Runs one module until it is stopped. */
export function runFilter(target: string, options: RunOptions, terminal: Terminal): Promise<Result<void> | Result<number>> {
  return inScope(async (scope) => {
    const content = await contentOf(target, options, terminal);
    if (!content.ok) return content;
    const envoy = await findLocalEnvoy(options, terminal, scope.signal);
    if (!envoy.ok) return envoy;
    const folder = await openFolder(scope);
    const key = { namespace: "default", name: nameOf(target) };
    const filter = await createAppliedFilter(folder, key);
    const mark = await filter.apply(content.value);
    if (!mark.ok) return mark;
    const slots = [{ slot: "default", filter: key }];
    const local = await startLocal(
      scope,
      { ...options, plainHttp: [] },
      {
        ...{ envoy: envoy.value, namespace: key.namespace, slots, folder, layoutBase: folder },
        source: (log) => createFolderSource({ dir: filter.manifests, dataDir: join(folder, "state"), log, clock: systemClock }),
        ...(options["skip-preflight"] ? { preflight: createNoPreflight() } : {}),
      },
      terminal,
    );
    if (!local.ok) return local;
    const applied = { mark: mark.value, content: { ...content.value, wasmDigest: digestOf(content.value.module) } };
    // Without a proof it is Envoy that refuses, and what it does then is to be seen.
    return serve(scope, local.value, [{ key, applied }], !options["skip-preflight"]);
  });
}

/** Runs the filters of a folder of manifests until it is stopped. */
export function runFolder(dir: string, options: RunOptions, terminal: Terminal): Promise<Result<void> | Result<number>> {
  return inScope(async (scope) => {
    const read = await readFolder(dir);
    if (!read.ok) return read;
    for (const [file, problem] of read.value.problems) terminal.err(`${join(dir, file)}: ${problem}\n`);
    const filters = [...read.value.filters.values()].map(({ fields }) => fields as unknown as WasmFilter);
    const placed = placeFilters(filters, { namespace: options.namespace, slotOrder: options.slot });
    if (!placed.ok) return fail(placed.error.reason, `${dir}: ${placed.error.message}`);
    for (const left of placed.value.left) terminal.err(`${left}\n`);
    const envoy = await findLocalEnvoy(options, terminal, scope.signal);
    if (!envoy.ok) return envoy;
    const folder = await openFolder(scope);
    const registries = registriesOf(filters);
    const pullSecret = await pullSecretOf(registries, terminal.env);
    if (!pullSecret.ok) return pullSecret;
    const { namespace, slots } = placed.value;
    let manifests: Source | undefined;
    const local = await startLocal(
      scope,
      { ...options, plainHttp: options["plain-http"] ? registries : [] },
      {
        ...{ envoy: envoy.value, namespace, slots, folder, layoutBase: process.cwd() },
        source(log) {
          manifests = createFolderSource({ dir, dataDir: join(folder, "state"), log, clock: systemClock });
          return localSource(manifests, slots, pullSecret.value);
        },
        ...(options["skip-preflight"] ? { preflight: createNoPreflight() } : {}),
      },
      terminal,
    );
    if (!local.ok) return local;
    const { voice } = local.value;
    manifests?.onChange(() => {
      const now = placeFilters(manifests?.filters().values() ?? [], { namespace, slotOrder: options.slot });
      if (!now.ok || !isDeepStrictEqual(now.value.slots, slots))
        voice.warn("the filters of the folder, or their order, are others now; start weir run again to take that in");
    });
    return serve(
      scope,
      local.value,
      slots.map(({ filter }) => ({ key: filter })),
      false,
    );
  });
}

/** Tells where requests go and which filters are in force, and stays until a signal comes or Envoy ends; with `mustLoad`, or a filter is refused. */
async function serve(
  scope: Scope,
  { voice, server, startProxy, app }: Local,
  filters: readonly Expected[],
  mustLoad: boolean,
): Promise<Result<void>> {
  const started = await startProxy();
  if (!started.ok) return started;
  const proxy = started.value;
  const ended = proxy.running.exited.then(({ code, signal }) => fail("EnvoyEnded", howItEnded(proxy.running, signal ?? code)));
  const outcome = await Promise.race([ended, tellStart()]);
  if (outcome !== undefined) return scope.signal.aborted ? ok(undefined) : outcome;
  scope.ready();
  server.views.onEvent(({ type, filter, message }) => {
    if (type === "Warning") voice.warn(`${filter.slice(filter.indexOf("/") + 1)}: ${message}`);
  });
  const last = await Promise.race([ended, scope.stopped]);
  return last ?? ok(undefined);

  async function tellStart(): Promise<Result<void> | undefined> {
    for (const expected of filters) {
      const { key } = expected;
      const state = await inForce(server.views, expected, scope.signal);
      if (scope.signal.aborted) return ok(undefined);
      if (state.ok) voice.say(`${voice.paint.strong(key.name)} is in force: module ${shortDigest(state.value.wasmDigest)}`);
      else if (mustLoad) return fail(state.error.reason, `${key.name} is not in force: ${state.error.message}`);
      else voice.warn(`${key.name} is not in force: ${state.error.message}`);
    }
    const port = await proxy.port();
    if (!port.ok) return port;
    tellProxy(voice, proxy.running, app, port.value);
    return undefined;
  }
}

async function contentOf(target: string, options: RunOptions, terminal: Terminal): Promise<Result<FilterContent>> {
  const isTold = options.config !== undefined && options["root-id"] !== undefined;
  const project = isTold ? undefined : await projectOf(target, terminal);
  const config = await readConfiguration(options.config ?? "");
  if (!config.ok) return config;
  if (!isUtf8(config.value)) return fail("NoText", "--config holds bytes that are no UTF-8 text; weir run -f takes them from a Secret");
  const found = await findModule(target, options, terminal);
  if (!found.ok) return found;
  const configSchema = options["skip-preflight"] ? ok(undefined) : await schemaOf(found.value, project);
  if (!configSchema.ok) return configSchema;
  return ok({
    ...{ module: found.value.bytes, configSchema: configSchema.value },
    config: options.config === undefined ? (project?.config ?? "") : config.value.toString("utf8"),
    rootId: options["root-id"] ?? project?.rootId ?? "",
  });
}

/** What the configuration is judged by: what the image carries, or what its project has for it. */
function schemaOf(
  { image }: FoundModule,
  project: Project | undefined,
): Promise<Result<Uint8Array | undefined>> | Result<Uint8Array | undefined> {
  const carried = image?.module.configSchema;
  if (carried === undefined) return readSchema(project?.about.configSchema);
  return ok("text" in carried ? Buffer.from(carried.text) : undefined);
}

/** The project that made this file; the nearest weir.yaml above it decides. One that is another's, or broken, is in nobody's way here. */
async function projectOf(file: string, terminal: Terminal): Promise<Project | undefined> {
  if (!existsSync(file)) return undefined;
  const path = resolve(file);
  let folder = dirname(path);
  while (!existsSync(join(folder, PROJECT_FILE)) && folder !== dirname(folder)) folder = dirname(folder);
  const project = await readProject(folder);
  const name = relative(".", join(folder, PROJECT_FILE));
  if (!project.ok) {
    if (project.error.reason !== "NoProject") printNote(`${file} gets nothing of ${name}: ${project.error.message}`, terminal);
    return undefined;
  }
  if (project.value.module !== path) return undefined;
  printNote(`${file} is the module of ${name}, whose config and rootId it gets where no flag says otherwise`, terminal);
  return project.value;
}

/** A name that a WasmFilter may have, out of a file's or an image's. */
function nameOf(target: string): string {
  const base = basename(target.replace(/@sha256:[0-9a-f]+$/, "").replace(/\.wasm$/, ""));
  const name = base
    .replace(/:[^:]*$/, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 63);
  return name === "" ? "filter" : name;
}
