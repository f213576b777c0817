import { hash } from "node:crypto";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { hasCode } from "../../../base/error.ts";
import type { Clock } from "../../../model/clock.ts";
import { type CrashJournal, noCrashJournal } from "../../../model/crash-journal.ts";
import { filterId } from "../../../model/filter.ts";
import { ok, type Result } from "../../../model/result.ts";
import { problemsOf } from "../../parse/filter.ts";
import type { ManifestFile } from "./assemble.ts";
import { formatOf, type ManifestNames, manifestNames, readManifestText } from "./files.ts";
import { type Manifest, type ManifestObject, readManifestInTurns } from "./manifest.ts";

export interface Scan {
  /** Files that are new or have other contents, by name, as they read now. */
  readonly changed: ReadonlyMap<string, Result<ManifestFile>>;
  readonly removed: readonly string[];
  /** Scan again after this many milliseconds, because a file may still be being written. `undefined`: there is none. */
  readonly again: number | undefined;
  /** What is wrong with the folder itself: it cannot be read, or not all of it. What was read of it before stays in force. */
  readonly problem: string | undefined;
}

/** Finds the manifests of a folder that changed since the last scan. */
export interface Scanner {
  scan(): Promise<Scan>;
}

export interface ScannerOptions {
  readonly dir: string;
  /** Names of files that were read before a restart. */
  readonly known: Iterable<string>;
  readonly clock: Clock;
  readonly crashes?: CrashJournal;
  /** How long a file that reads as whole must look the same. Longer than the clock of a file system's times ticks: 10 ms at most. */
  readonly quietMs: number;
  /** More files than this are not read; 10,000 where it does not say. */
  readonly maxFiles?: number;
  /** How long any other file must look the same, and a file must stay away until it counts as removed. */
  readonly settleMs: number;
}

/**
 * A file counts once it has looked the same for a while. An editor that empties a file before it writes it, or that deletes and recreates it, must
 * not remove a filter for a moment. If the file reads as whole, the wait is short. The first scan takes files as they are; files that were `known`
 * before and are missing are removed after the wait.
 */
export function createScanner(options: ScannerOptions): Scanner {
  return new FolderScanner(options);
}

interface Sighting {
  /** Inode, size and times of change; "absent" for a file that is gone. */
  readonly signature: string;
  readonly since: number;
  /** It was read, and may be half-written. */
  doubtful: boolean;
}

/** A file that counts. */
interface Taken {
  readonly signature: string;
  readonly objects: number;
}

const ABSENT = "absent";

class FolderScanner implements Scanner {
  private readonly options: ScannerOptions;
  private readonly taken = new Map<string, Taken>();
  /** Files that look different from what counts. */
  private readonly sightings = new Map<string, Sighting>();
  private first = true;

  constructor(options: ScannerOptions) {
    this.options = options;
    for (const name of options.known) this.taken.set(name, { signature: "known from before", objects: 0 });
  }

  async scan(): Promise<Scan> {
    const { dir } = this.options;
    let names: ManifestNames;
    let found: ReadonlyMap<string, string>;
    try {
      names = await manifestNames(dir, this.options.maxFiles);
      found = await signatures(dir, names.read);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
      const problem = code === "ENOENT" ? "the folder does not exist; create it" : `the folder cannot be read (${code})`;
      return { changed: new Map(), removed: [], again: undefined, problem };
    }
    const changed = new Map<string, Result<ManifestFile>>();
    for (const [name, signature] of found) {
      const manifest = await this.look(name, signature);
      if (manifest !== undefined) changed.set(name, manifest);
    }
    const removed = this.takeAway(new Set([...found.keys(), ...names.beyond]));
    this.first = false;
    return { changed, removed, again: this.again(), problem: names.problem };
  }

  /** What the file holds, if that is new and may count now. */
  private async look(name: string, signature: string): Promise<Result<ManifestFile> | undefined> {
    const before = this.taken.get(name);
    if (before?.signature === signature) {
      this.sightings.delete(name);
      return undefined;
    }
    const sighting = this.see(name, signature);
    const age = this.options.clock.now() - sighting.since;
    const settled = this.first || age >= this.options.settleMs;
    if (!settled && (sighting.doubtful || age < this.options.quietMs)) return undefined;
    const text = await readManifestText(join(this.options.dir, name));
    const manifest = text.ok ? await readManifestInTurns(text.value, formatOf(name)) : text;
    if (!settled && !(text.ok && manifest.ok && this.isWhole(name, text.value, manifest.value, before?.objects ?? 0))) {
      sighting.doubtful = true;
      return undefined;
    }
    // It changed while it was read. The next scan sees the change.
    const isSame = (await signatureOf(join(this.options.dir, name))) === signature;
    if (!this.first && !isSame) return undefined;
    this.sightings.delete(name);
    this.taken.set(name, { signature, objects: manifest.ok ? manifest.value.objects.length : 0 });
    return manifest.ok && isSame ? ok({ ...manifest.value, version: versionOf(signature) }) : manifest;
  }

  /**
   * True if the text shows no sign of being cut off: its last line ends, it reads without a problem, it holds no fewer objects than before, and its
   * filters are valid.
   */
  private isWhole(name: string, text: string, { objects, problems }: Manifest, before: number): boolean {
    const ended = formatOf(name) === "json" || text.endsWith("\n");
    if (!ended || problems.length > 0 || objects.length === 0 || objects.length < before) return false;
    return objects.every((object) => object.kind !== "WasmFilter" || this.isValid(object));
  }

  private isValid({ namespace, name, fields }: ManifestObject): boolean {
    const { crashes = noCrashJournal } = this.options;
    const tried = { filter: filterId({ namespace, name }), spec: fields.spec };
    // One that ended the process before has its wait, and is judged by the reconcile.
    return crashes.ends(tried) === 0 && crashes.attempt(tried, () => problemsOf(fields)).length === 0;
  }

  /** Records how the file looks, and since when. */
  private see(name: string, signature: string): Sighting {
    const before = this.sightings.get(name);
    const now = this.options.clock.now();
    // If the clock was set back, the wait starts again.
    if (before?.signature === signature && before.since <= now) return before;
    const sighting = { signature, since: now, doubtful: false };
    this.sightings.set(name, sighting);
    return sighting;
  }

  /** Removes the files that have been missing long enough; returns their names. */
  private takeAway(found: ReadonlySet<string>): readonly string[] {
    const { clock, settleMs } = this.options;
    const removed = [...this.taken.keys()].filter((name) => !found.has(name) && clock.now() - this.see(name, ABSENT).since >= settleMs);
    for (const name of removed) this.taken.delete(name);
    for (const name of this.sightings.keys()) if (!found.has(name) && !this.taken.has(name)) this.sightings.delete(name);
    return removed;
  }

  private again(): number | undefined {
    const { clock, quietMs, settleMs } = this.options;
    const waits = [...this.sightings.values()].map(({ signature, since, doubtful }) => {
      const wait = doubtful || signature === ABSENT ? settleMs : quietMs;
      return Math.max(1, since + wait - clock.now());
    });
    return waits.length === 0 ? undefined : Math.min(...waits);
  }
}

/** Signatures of manifests in the folder, by name. */
async function signatures(dir: string, names: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  const all = await Promise.all(names.map((name) => signatureOf(join(dir, name))));
  for (const [index, name] of names.entries()) {
    const signature = all[index];
    if (signature !== undefined) found.set(name, signature);
  }
  return found;
}

/** The size of a file would tell how long a text in it is. */
function versionOf(signature: string): string {
  return hash("sha256", signature).slice(0, 32);
}

/** `undefined` if there is nothing. What is there and no file is told when it is read. */
async function signatureOf(path: string): Promise<string | undefined> {
  try {
    const file = await stat(path, { bigint: true });
    if (!file.isFile()) return `no file:${file.ino}`;
    return `${file.ino}:${file.size}:${file.mtimeNs}:${file.ctimeNs}`;
  } catch (error) {
    // A link without its target is what a swap of links shows for a moment.
    return hasCode(error, "ENOENT", "ENOTDIR") ? undefined : `unreadable:${(error as NodeJS.ErrnoException).code}`;
  }
}
