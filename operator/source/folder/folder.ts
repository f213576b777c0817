import { randomUUID } from "node:crypto";
import { type FSWatcher, watch } from "node:fs";
import type { Clock } from "../../../model/clock.ts";
import { type FilterKey, filterId } from "../../../model/filter.ts";
import type { Log } from "../../../model/log.ts";
import { fail, failForNow, ok, type Result } from "../../../model/result.ts";
import { createChanges } from "../changes.ts";
import type { Source } from "../source.ts";
import { type Assembly, assemble, type ManifestFile } from "./assemble.ts";
import { createFilters } from "./filters.ts";
import { readManifest } from "./manifest.ts";
import { createScanner, type Scan, type Scanner } from "./scanner.ts";
import { createFolderStore } from "./store.ts";

export interface FolderSourceOptions {
  /** The folder with the manifests; files of folders below it are not read. */
  readonly dir: string;
  /** Where identities, statuses and revisions are kept. Secrets never are. */
  readonly dataDir: string;
  readonly log: Log;
  readonly clock: Clock;
  /** How long a file must stand still before it is read. Default 100 ms. */
  readonly settleMs?: number;
  /** How often the folder is looked at even when the file system tells of no change. Default 2 s. */
  readonly pollMs?: number;
  /** A uid for an object seen for the first time. Default: a random UUID. */
  readonly newUid?: () => string;
}

/**
 * The desired state from a folder of manifests (*.yaml, *.yml, *.json; WasmFilter, Secret and ConfigMap; other kinds are ignored), live.
 * A file that cannot be read is a problem of its own: what it held before stays in force, over a restart too, except Secrets, which are
 * in memory only. `filters()` carries statuses as an API server would.
 */
export function createFolderSource(options: FolderSourceOptions): Source {
  const { dir, dataDir, log, clock, settleMs = 100, pollMs = 2_000, newUid = randomUUID } = options;
  const changes = createChanges();
  const store = createFolderStore(dataDir);
  const onDamage = (path: string): void => log.error("damaged file ignored", { path });
  const filters = createFilters({ store, clock, log, newUid, onChange: changes.filter });
  let scanner: Scanner = createScanner({ dir, known: [], clock, settleMs });
  const files = new Map<string, ManifestFile>();
  let assembly: Assembly = assemble(files);
  let failure: string | undefined;
  let watcher: FSWatcher | undefined;
  let cancelTimer: () => void = () => {};
  let scanning: Promise<void> | undefined;
  let dirty = false;
  let listed = false;
  let stopped = true;

  function take({ changed, removed, failure: reason }: Scan): void {
    if (reason !== undefined && reason !== failure)
      log.error("the manifest folder has a problem; what was read of it before stays in force", { dir, problem: reason });
    failure = reason;
    for (const [name, content] of changed) {
      const manifest =
        "problem" in content ? fail("Unreadable", content.problem) : readManifest(content.text, name.endsWith(".json") ? "json" : "yaml");
      if (manifest.ok) files.set(name, manifest.value);
      else {
        const objects = files.get(name)?.objects ?? [];
        const inForce = objects.length === 0 ? "nothing of it is in force" : "what it held before stays in force";
        files.set(name, { objects, problems: [`${manifest.error.message}; ${inForce}`] });
      }
    }
    for (const name of removed) files.delete(name);
  }

  async function scanOnce(): Promise<void> {
    const scan = await scanner.scan();
    take(scan);
    if (!listed || scan.changed.size > 0 || scan.removed.length > 0 || filters.pending()) await update();
    listed = true;
    cancelTimer();
    if (!stopped) cancelTimer = clock.after(scan.unsettled ? settleMs : pollMs, rescan);
  }

  async function update(): Promise<void> {
    const before = assembly;
    assembly = assemble(files);
    for (const [file, message] of assembly.problems)
      if (before.problems.get(file) !== message) log.error("a manifest has a problem", { file, problem: message });
    tellReferences("secret", before.secrets, assembly.secrets);
    tellReferences("configmap", before.configMaps, assembly.configMaps);
    await filters.replace(assembly.filters);
  }

  function tellReferences(kind: string, before: Assembly["secrets"], now: Assembly["secrets"]): void {
    for (const id of new Set([...before.keys(), ...now.keys()])) {
      if (!sameData(before.get(id), now.get(id))) changes.reference(`${kind}/${id}`);
    }
  }

  /** Scans run one after the other; one asked for meanwhile follows. */
  function rescan(): void {
    dirty = true;
    scanning ??= (async () => {
      while (dirty && !stopped) {
        dirty = false;
        await scanOnce();
      }
    })()
      .catch((error: unknown) => {
        log.error("manifest folder could not be taken over; trying again", { dir, error: String(error) });
        cancelTimer = clock.after(pollMs, rescan);
      })
      .finally(() => {
        scanning = undefined;
      });
  }

  function startWatching(): void {
    try {
      watcher = watch(dir, { persistent: false }, rescan);
      watcher.on("error", () => watcher?.close());
    } catch {
      log.warn("changes are found by polling only", { dir, everyMs: pollMs });
    }
  }

  function read(kind: "secret" | "configMap", namespace: string, name: string): Result<ReadonlyMap<string, Buffer>> {
    const data = (kind === "secret" ? assembly.secrets : assembly.configMaps).get(`${namespace}/${name}`);
    if (data !== undefined) return ok(data);
    const [reason, word] = kind === "secret" ? ["SecretNotFound", "Secret"] : ["ConfigMapNotFound", "ConfigMap"];
    return fail(reason, `${word} ${namespace}/${name} is in no manifest of ${dir}; add it there`);
  }

  return {
    description: `folder ${dir}`,
    async start() {
      stopped = false;
      for (const { file, object } of await filters.load(onDamage)) {
        // Until its file is read, an object stands as it did last: the file may be broken just now.
        files.set(file, { objects: [...(files.get(file)?.objects ?? []), object], problems: [] });
      }
      scanner = createScanner({ dir, known: files.keys(), clock, settleMs });
      startWatching();
      rescan();
      await scanning;
    },
    async stop() {
      stopped = true;
      watcher?.close();
      cancelTimer();
      await scanning;
      await filters.flush();
    },
    filters: () => filters.all(),
    async secret(namespace, name) {
      return read("secret", namespace, name);
    },
    async configMap(namespace, name) {
      return read("configMap", namespace, name);
    },
    async revisions(key, uid) {
      if (!filters.owns(key, uid)) return ok([]);
      return disk(() => store.revisions(key, onDamage));
    },
    async saveRevision(key, uid, revision) {
      if (!filters.owns(key, uid)) return gone(key);
      return disk(() => store.saveRevision(key, revision));
    },
    async deleteRevision(key, uid, number) {
      if (!filters.owns(key, uid)) return ok(undefined);
      return disk(() => store.deleteRevision(key, number));
    },
    async writeStatus(key, uid, status) {
      if (!filters.owns(key, uid)) return gone(key);
      return disk(() => filters.setStatus(filterId(key), status));
    },
    // There is nobody to keep events for people here: the operator's own log line is all.
    async event() {},
    problems() {
      return failure === undefined ? assembly.problems : new Map([...assembly.problems, [dir, failure]]);
    },
    onChange: changes.onChange,
  };
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

function sameData(a: ReadonlyMap<string, Buffer> | undefined, b: ReadonlyMap<string, Buffer> | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.size === b.size && [...a].every(([key, value]) => b.get(key)?.equals(value) === true);
}
