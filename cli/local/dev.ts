import { join } from "node:path";
import {
  type BuildFailure,
  type Built,
  buildProject,
  createResident,
  type FoundEnvoy,
  PROJECT_FILE,
  type Project,
  type Resident,
  readProject,
} from "../../author/index.ts";
import { systemClock } from "../../model/clock.ts";
import { type Digest, shortDigest } from "../../model/digest.ts";
import { ok, type Result } from "../../model/result.ts";
import { createFolderSource } from "../../operator/index.ts";
import { createPreflight } from "../../preflight/index.ts";
import type { FlagValues } from "../args/syntax.ts";
import { readSchema } from "../artifact.ts";
import { startProgress } from "../progress.ts";
import type { Terminal } from "../terminal.ts";
import { type AppliedFilter, createAppliedFilter } from "./applied.ts";
import { type envoyFlags, findLocalEnvoy } from "./find-envoy.ts";
import { inForce } from "./in-force.ts";
import { type Local, type LocalOptions, startLocal } from "./local.ts";
import { howItEnded, type LocalProxy, tellProxy } from "./proxy.ts";
import { inScope, openFolder, type Scope } from "./scope.ts";
import { type SourceWatch, watchSources } from "./watch.ts";

export interface DevOptions extends Omit<LocalOptions, "plainHttp" | "allow-address" | "registry-ca">, FlagValues<typeof envoyFlags> {}

/** Builds a project and runs it, again and again as its sources change, until it is stopped. */
export function develop(dir: string, options: DevOptions, terminal: Terminal): Promise<Result<void> | Result<number>> {
  return inScope(async (scope) => {
    const project = await readProject(dir);
    if (!project.ok) return project;
    const envoy = await findLocalEnvoy(options, terminal, scope.signal);
    if (!envoy.ok) return envoy;
    const watch = await watchSources(scope, project.value, terminal);
    const folder = await openFolder(scope);
    const filter = await createAppliedFilter(folder, { namespace: "default", name: project.value.name });
    const local = await startServer(scope, { options, folder, filter, envoy: envoy.value }, terminal);
    if (!local.ok) return local;
    const compilers = createResident();
    scope.defer(async () => compilers.stop());
    const loop = new DevLoop({ scope, terminal, watch, filter, local: local.value, compilers }, project.value);
    return loop.run();
  });
}

interface Parts {
  readonly options: DevOptions;
  readonly folder: string;
  readonly filter: AppliedFilter;
  readonly envoy: FoundEnvoy;
}

function startServer(scope: Scope, { options, folder, filter, envoy }: Parts, terminal: Terminal): Promise<Result<Local>> {
  const { key, manifests } = filter;
  return startLocal(
    scope,
    { ...options, "allow-address": [], "registry-ca": [], plainHttp: [] },
    {
      ...{ envoy, namespace: key.namespace, slots: [{ slot: "default", filter: key }], folder, layoutBase: folder },
      source: (log) => createFolderSource({ dir: manifests, dataDir: join(folder, "state"), log, clock: systemClock }),
      // The Envoy here measures a load itself, a moment later.
      preflight: createPreflight({ ahead: 1, measuresLoad: false }),
    },
    terminal,
  );
}

interface LoopParts {
  readonly scope: Scope;
  readonly terminal: Terminal;
  readonly watch: SourceWatch;
  readonly filter: AppliedFilter;
  readonly local: Local;
  readonly compilers: Resident;
}

/** What is in force. */
interface Current {
  readonly wasmDigest: Digest;
  readonly config: string;
  readonly rootId: string;
}

/** One round after the other: something changes, the project is built, the filter is swapped. A change in the middle of a round begins the next. */
class DevLoop {
  private readonly parts: LoopParts;
  private project: Project;
  private built: Built | undefined;
  private inputs = "";
  private current: Current | undefined;
  private proxy: LocalProxy | undefined;
  private port: number | undefined;

  constructor(parts: LoopParts, project: Project) {
    this.parts = parts;
    this.project = project;
  }

  async run(): Promise<Result<void>> {
    const { scope, watch } = this.parts;
    let changed: readonly string[] = [];
    do {
      const superseded = new AbortController();
      watch.onChange(() => superseded.abort());
      const started = await this.ensureProxy();
      if (!started.ok) return started;
      await this.round(changed, AbortSignal.any([scope.signal, superseded.signal]));
      changed = await watch.changes();
    } while (!scope.signal.aborted);
    return ok(undefined);
  }

  /** One that ended is started again, at the port that people know by now. */
  private async ensureProxy(): Promise<Result<void>> {
    if (this.proxy !== undefined) return ok(undefined);
    const { local, scope } = this.parts;
    const started = await local.startProxy(this.port);
    if (!started.ok) return started;
    const proxy = started.value;
    this.proxy = proxy;
    void proxy.running.exited.then(({ code, signal }) => {
      this.proxy = undefined;
      if (!scope.signal.aborted) local.voice.warn(`${howItEnded(proxy.running, signal ?? code)}; save a file, and it is started again`);
    });
    return ok(undefined);
  }

  private async round(changed: readonly string[], signal: AbortSignal): Promise<void> {
    const { voice } = this.parts.local;
    const start = performance.now();
    // Remembered if this round builds nothing: weir.yaml may be wrong meanwhile.
    if (changed.some((path) => path !== PROJECT_FILE)) this.built = undefined;
    if (changed.includes(PROJECT_FILE)) {
      const read = await readProject(this.project.folder);
      if (!read.ok) return voice.warn(`${read.error.message}${this.stays()}`);
      this.project = read.value;
      this.parts.watch.follow(read.value);
    }
    const built = await this.build(signal);
    if (!built.ok) return signal.aborted ? undefined : this.tellFailure(built.error);
    await this.swap(built.value, { changed, start, signal });
  }

  /** A change of weir.yaml alone, but for what a build reads of it, needs no build. */
  private async build(signal: AbortSignal): Promise<Result<Built, BuildFailure>> {
    const { project, built: before } = this;
    const inputs = JSON.stringify([project.language, project.module, project.entry, project.optimize, project.keepNames]);
    if (before !== undefined && inputs === this.inputs) return ok(before);
    this.built = undefined;
    const { compilers, local, terminal } = this.parts;
    // The first one may fetch half the internet.
    const progress = this.current === undefined ? startProgress(terminal) : undefined;
    const told = progress === undefined ? {} : { onProgress: progress.tell };
    const built = await buildProject(project, { env: terminal.env, signal, prove: false, run: compilers.run, ...told });
    progress?.stop();
    if (!built.ok) return built;
    this.built = built.value;
    this.inputs = inputs;
    if (built.value.warnings.trim() !== "") local.voice.say(built.value.warnings);
    return built;
  }

  private tellFailure({ message, words = "" }: BuildFailure): void {
    this.parts.local.voice.warn(`${message}${this.stays()}\n${words}`);
  }

  private async swap(
    built: Built,
    { changed, start, signal }: { readonly changed: readonly string[]; readonly start: number; readonly signal: AbortSignal },
  ) {
    const { filter, local } = this.parts;
    const { voice, server } = local;
    const next = { wasmDigest: built.wasmDigest, config: this.project.config, rootId: this.project.rootId };
    const before = this.current;
    const what = changed.length === 0 ? this.project.name : changed.join(", ");
    if (before !== undefined && isSame(before, next))
      return voice.say(`${what}: the same module and configuration as before (${shortDigest(next.wasmDigest)})`);
    const builtAt = performance.now();
    const configSchema = await readSchema(this.project.about.configSchema);
    if (!configSchema.ok) return voice.warn(configSchema.error.message);
    const mark = await filter.apply({ module: built.bytes, configSchema: configSchema.value, ...next });
    if (!mark.ok) return voice.warn(mark.error.message);
    const state = await inForce(server.views, { key: filter.key, applied: { mark: mark.value, content: next } }, signal);
    if (!state.ok) {
      // What was applied is no more what is in force, nor is it refused yet.
      if (signal.aborted) this.current = undefined;
      else voice.warn(`${what}: ${state.error.message}${this.stays()}`);
      return;
    }
    this.current = next;
    const times = `built in ${seconds(builtAt - start)}, in force ${seconds(performance.now() - builtAt)} later`;
    const done = voice.paint.good(`${before === undefined ? "in force" : "reloaded"} ${what}: ${digests(before, next)}`);
    voice.say(`${done}, ${times}`);
    await this.tellWhere();
  }

  private async tellWhere(): Promise<void> {
    const { proxy } = this;
    if (proxy === undefined) return;
    const port = await proxy.port();
    if (!port.ok || port.value === this.port) return;
    this.port = port.value;
    this.parts.scope.ready();
    tellProxy(this.parts.local.voice, proxy.running, this.parts.local.app, port.value);
  }

  private stays(): string {
    return this.current === undefined ? "" : `; ${shortDigest(this.current.wasmDigest)} stays in force`;
  }
}

function isSame(a: Current, b: Current): boolean {
  return a.wasmDigest === b.wasmDigest && a.config === b.config && a.rootId === b.rootId;
}

function seconds(ms: number): string {
  return ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

function digests(before: Current | undefined, next: Current): string {
  const now = shortDigest(next.wasmDigest);
  if (before === undefined) return now;
  return before.wasmDigest === next.wasmDigest ? `${now} with other settings` : `${shortDigest(before.wasmDigest)} -> ${now}`;
}
