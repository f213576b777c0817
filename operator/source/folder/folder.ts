import { randomUUID } from "node:crypto";
import { type FSWatcher, watch } from "node:fs";
import { messageOf } from "../../../base/error.ts";
import type { Clock } from "../../../model/clock.ts";
import { type CrashJournal, noCrashJournal } from "../../../model/crash-journal.ts";
import { type FilterKey, filterId } from "../../../model/filter.ts";
import type { WasmFilter, WasmFilterStatus } from "../../../model/gen/wasmfilter.ts";
import type { Log } from "../../../model/log.ts";
import { fail, failForNow, ok, type Result } from "../../../model/result.ts";
import type { Revision } from "../../../model/revision.ts";
import { createChangeNotifier } from "../change-notifier.ts";
import { sameData, type Versioned } from "../data.ts";
import type { Policies } from "../policies.ts";
import type { Source, SourceChange } from "../source.ts";
import { type Assembly, assemble, type ManifestFile } from "./assemble.ts";
import { createFilters, type Filters } from "./filters.ts";
import { describeForeign, type ForeignObject, isKindOfOurs, type ManifestObject } from "./manifest.ts";
import { createKeptRules, type KeptRules } from "./policies.ts";
import { createScanner, type Scan, type Scanner } from "./scanner.ts";
import { createFolderStore, type FolderStore } from "./store.ts";

export interface FolderSourceOptions {
  /** The folder with the manifests; files of folders below it are not read. */
  readonly dir: string;
  /** Where identities, statuses and revisions are stored. Secrets are not. */
  readonly dataDir: string;
  readonly log: Log;
  readonly clock: Clock;
  readonly crashes?: CrashJournal | undefined;
  /** How long a file that reads as whole must look the same before it counts. Default 10 ms. */
  readonly quietMs?: number;
  /** How long any other file must look the same. Default 100 ms. */
  readonly settleMs?: number;
  /** Interval of polling, in case the file system reports no change. Default 2 s. */
  readonly pollMs?: number;
  /** A uid for an object seen for the first time. Default: a random UUID. */
  readonly newUid?: () => string;
}

/**
 * Watches a folder of manifests (*.yaml, *.yml, *.json; WasmFilter, WasmPolicy, Secret, ConfigMap and Namespace; other kinds are ignored). If a file cannot be read,
 * what it held before stays in force, also after a restart. Secrets are the exception: they are in memory only. `filters()` includes statuses, as
 * an API server would.
 */
export function createFolderSource(options: FolderSourceOptions): Source {
  return new FolderSource(options);
}

class FolderSource implements Source {
  readonly description: string;
  private readonly dir: string;
  private readonly clock: Clock;
  private readonly crashes: CrashJournal;
  private readonly log: Log;
  private readonly waits: { readonly quietMs: number; readonly settleMs: number; readonly pollMs: number };
  private readonly store: FolderStore;
  private readonly kept: Filters;
  private readonly notifier = createChangeNotifier();
  readonly announce = this.notifier.reference;
  private readonly files = new Map<string, ManifestFile>();
  private assembly: Assembly = assemble(this.files);
  private readonly rules: KeptRules;
  private problem: string | undefined;
  private scanner: Scanner | undefined;
  private watcher: FSWatcher | undefined;
  private cancelTimer: () => void = () => {};
  private scanning: Promise<void> | undefined;
  private isDirty = false;
  private isListed = false;
  private isUnreadable = false;
  private isStopped = true;

  constructor(options: FolderSourceOptions) {
    const { dir, dataDir, log, clock, quietMs = 10, settleMs = 100, pollMs = 2_000, newUid = randomUUID } = options;
    this.crashes = options.crashes ?? noCrashJournal;
    this.description = `folder ${dir}`;
    this.dir = dir;
    this.clock = clock;
    this.log = log;
    this.waits = { quietMs, settleMs, pollMs };
    this.store = createFolderStore(dataDir);
    this.rules = createKeptRules({ store: this.store, log, onChange: this.notifier.policies });
    this.kept = createFilters({ store: this.store, clock, log, newUid, onChange: this.notifier.filter });
  }

  async start(): Promise<void> {
    const { dir, clock, crashes, files } = this;
    this.isStopped = false;
    for (const { file, object } of await this.load()) {
      // Until its file is read, the stored object counts: the file may be broken just now.
      files.set(file, { objects: [...(files.get(file)?.objects ?? []), object], foreign: [], problems: [] });
    }
    if (this.isStopped) return;
    this.scanner = createScanner({ dir, known: files.keys(), clock, crashes, ...this.waits });
    this.startWatching();
    this.rescan();
    await this.scanning;
  }

  /** What is stored. Tried until the disk gives it: as an empty store it would take every filter for a new one. */
  private async load(): Promise<{ readonly file: string; readonly object: ManifestObject }[]> {
    let told: string | undefined;
    while (!this.isStopped) {
      try {
        return [...(await this.kept.load(this.onDamage)), ...(await this.rules.load(this.onDamage))];
      } catch (error) {
        const message = messageOf(error);
        if (message !== told) this.log.error("the data folder could not be read; trying again", { error: message });
        told = message;
        await new Promise<void>((resolve) => {
          const cancel = this.clock.after(this.waits.pollMs, resolve);
          this.cancelTimer = () => {
            cancel();
            resolve();
          };
        });
      }
    }
    return [];
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    this.watcher?.close();
    this.cancelTimer();
    await this.scanning;
    await this.kept.flush();
  }

  isFollowed(): boolean {
    return this.isListed && !this.isUnreadable && this.problem === undefined;
  }

  filters(): ReadonlyMap<string, WasmFilter> {
    return this.kept.all();
  }

  policies(): Policies {
    return this.rules.snapshot();
  }

  async secret(namespace: string, name: string): Promise<Result<Versioned>> {
    return found(this.assembly.secrets, "Secret", `${namespace}/${name}`, this.dir);
  }

  async configMap(namespace: string, name: string): Promise<Result<Versioned>> {
    return found(this.assembly.configMaps, "ConfigMap", `${namespace}/${name}`, this.dir);
  }

  async revisions(key: FilterKey, uid: string): Promise<Result<readonly Revision[]>> {
    if (!this.kept.owns(key, uid)) return ok([]);
    return disk(() => this.store.revisions(key, this.onDamage));
  }

  async saveRevision(key: FilterKey, uid: string, revision: Revision): Promise<Result<void>> {
    if (!this.kept.owns(key, uid)) return gone(key);
    return disk(() => this.store.saveRevision(key, revision));
  }

  rewriteRevision(key: FilterKey, uid: string, revision: Revision): Promise<Result<void>> {
    return this.saveRevision(key, uid, revision);
  }

  async deleteRevision(key: FilterKey, uid: string, number: number): Promise<Result<void>> {
    if (!this.kept.owns(key, uid)) return ok(undefined);
    return disk(() => this.store.deleteRevision(key, number));
  }

  async writeStatus(key: FilterKey, uid: string, status: WasmFilterStatus): Promise<Result<void>> {
    if (!this.kept.owns(key, uid)) return gone(key);
    return disk(() => this.kept.setStatus(filterId(key), status));
  }

  /** Nobody reads it here: the conditions of the filters say the same. */
  async writePolicyStatus(): Promise<Result<void>> {
    return ok(undefined);
  }

  /** There is no place for events here. The operator logs them. */
  async event(): Promise<void> {}

  onChange(listener: (change: SourceChange) => void): () => void {
    return this.notifier.onChange(listener);
  }

  private readonly onDamage = (path: string): void => this.log.error("damaged file ignored", { path });

  /** Runs one scan at a time. A request during a scan leads to one more. */
  private readonly rescan = (): void => {
    this.isDirty = true;
    this.scanning ??= this.scanWhileDirty()
      .catch((error: unknown) => {
        this.isUnreadable = true;
        this.log.error("the manifest folder could not be read; trying again", { dir: this.dir, error: String(error) });
        this.cancelTimer = this.clock.after(this.waits.pollMs, this.rescan);
      })
      .finally(() => {
        this.scanning = undefined;
      });
  };

  private async scanWhileDirty(): Promise<void> {
    while (this.isDirty && !this.isStopped) {
      this.isDirty = false;
      await this.scanOnce();
    }
  }

  private async scanOnce(): Promise<void> {
    const scan = await this.scanner?.scan();
    if (scan === undefined) return;
    this.isUnreadable = false;
    this.take(scan);
    if (!this.isListed || scan.changed.size > 0 || scan.removed.length > 0 || this.kept.pending() || this.rules.pending())
      await this.update();
    this.isListed = true;
    this.cancelTimer();
    const { pollMs } = this.waits;
    if (!this.isStopped) this.cancelTimer = this.clock.after(Math.min(scan.again ?? pollMs, pollMs), this.rescan);
  }

  private take({ changed, removed, problem }: Scan): void {
    const { dir, files, log } = this;
    if (problem !== undefined && problem !== this.problem)
      log.error("the manifest folder has a problem; what was read of it before stays in force", { dir, problem });
    if (problem === undefined && this.problem !== undefined) log.info("the manifest folder is read again", { dir });
    this.problem = problem;
    for (const [name, manifest] of changed) {
      const before = files.get(name);
      if (manifest.ok) {
        this.tellForeign(name, before?.foreign ?? [], manifest.value.foreign);
        files.set(name, manifest.value);
      } else {
        const { objects = [], foreign = [] } = before ?? {};
        const inForce = objects.length === 0 ? "nothing of it is in force" : "what it held before stays in force";
        files.set(name, { objects, foreign, problems: [`${manifest.error.message}; ${inForce}`] });
      }
    }
    for (const name of removed) files.delete(name);
  }

  /** Logs each ignored object once. One whose kind has the name of a kind of Weir's is likely a mistake; any other may belong in the folder. */
  private tellForeign(file: string, before: readonly ForeignObject[], now: readonly ForeignObject[]): void {
    const told = new Set(before.map(describeForeign));
    for (const object of now) {
      const what = describeForeign(object);
      if (told.has(what)) continue;
      told.add(what);
      if (isKindOfOurs(object.kind)) this.log.warn("an object in a manifest is ignored", { file, line: object.line, object: what });
      else this.log.debug("an object in a manifest is ignored", { file, line: object.line, object: what });
    }
  }

  private async update(): Promise<void> {
    const before = this.assembly;
    this.assembly = assemble(this.files);
    const { problems, secrets, configMaps, filters } = this.assembly;
    for (const [file, message] of problems)
      if (before.problems.get(file) !== message) this.log.error("a manifest has a problem", { file, problem: message });
    for (const file of before.problems.keys()) if (!problems.has(file)) this.log.info("a manifest is fine again", { file });
    this.tellReferences("secret", before.secrets, secrets);
    this.tellReferences("configmap", before.configMaps, configMaps);
    // Before the filters: what is new among them is judged by what stands beside them.
    await this.rules.replace(this.assembly);
    await this.kept.replace(filters);
  }

  private tellReferences(kind: string, before: Assembly["secrets"], now: Assembly["secrets"]): void {
    for (const id of new Set([...before.keys(), ...now.keys()])) {
      if (!sameData(before.get(id)?.data, now.get(id)?.data)) this.notifier.reference(`${kind}/${id}`);
    }
  }

  private startWatching(): void {
    try {
      this.watcher = watch(this.dir, { persistent: false }, this.rescan);
      this.watcher.on("error", () => this.watcher?.close());
    } catch {
      this.log.warn("changes are found by polling only", { dir: this.dir, everyMs: this.waits.pollMs });
    }
  }
}

function found(all: Assembly["secrets"], kind: "Secret" | "ConfigMap", id: string, dir: string): Result<Versioned> {
  const held = all.get(id);
  return held === undefined ? fail(`${kind}NotFound`, `${kind} ${id} is in no manifest of ${dir}; add it there`) : ok(held);
}

async function disk<T>(work: () => Promise<T>): Promise<Result<T>> {
  try {
    return ok(await work());
  } catch (error) {
    return failForNow("StorageFailed", `the data folder cannot be used (${(error as NodeJS.ErrnoException).code ?? String(error)})`);
  }
}

function gone(key: FilterKey): Result<never> {
  return fail("ObjectGone", `WasmFilter ${filterId(key)} was removed or replaced`);
}
