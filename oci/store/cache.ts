import { join } from "node:path";
import { systemClock } from "../../model/clock.ts";
import type { Digest } from "../../model/digest.ts";
import { silentLog } from "../../model/log.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { type Blobs, createBlobs, isWholeBlob, peekBlobs } from "./blobs.ts";
import { DAMAGED } from "./damaged.ts";
import { evict } from "./eviction.ts";
import { removeLitter } from "./litter.ts";
import { namesIn } from "./names.ts";
import { type Needed, readNeeded } from "./needed.ts";
import { createRecords, leadsOf, type Records } from "./records.ts";

/** A module on disk, as whoever looks from outside the server sees it. */
export interface CachedModule {
  readonly wasmDigest: Digest;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly usedAt: number;
  /** Repositories that delivered it; a URL's has none. */
  readonly from: readonly string[];
  /** A kept revision needs it, as the server wrote down last, or it was used since. `undefined`: nothing was written down. */
  readonly isNeeded: boolean | undefined;
}

/** The module store of a server's data folder, looked at from outside. */
export interface ModuleStore {
  /** Most lately used first. */
  list(): Promise<readonly CachedModule[]>;
  /** Names of the files that were set aside since they were damaged. */
  damaged(): Promise<readonly string[]>;
  /** Reads every module and gives those that do not have their digest. Changes nothing. */
  verify(): Promise<readonly Digest[]>;
  /**
   * Removes what no kept revision needs until `maxBytes` are left, the least recently used first, and what a killed process left. To be called while no server uses the folder. Gives what was
   * removed. Fails with `NeededUnknown` where nobody wrote down what is needed.
   */
  prune(maxBytes: number): Promise<Result<{ readonly modules: number; readonly bytes: number; readonly halfWritten: number }>>;
}

export function openModuleStore(dataDir: string): ModuleStore {
  return new StoreFolder(join(dataDir, "modules"));
}

class StoreFolder implements ModuleStore {
  private readonly directory: string;
  private readonly blobs: Blobs;
  private readonly records: Records;

  constructor(directory: string) {
    this.directory = directory;
    this.blobs = createBlobs({ directory, log: silentLog, clock: systemClock });
    this.records = createRecords({ directory, log: silentLog });
  }

  async list(): Promise<readonly CachedModule[]> {
    const needed = await readNeeded(this.directory);
    const leads = await leadsOf(this.records.peek);
    const stored = await peekBlobs(this.directory);
    const modules = stored.map(({ digest, size, usedAt }) => {
      const own = leads.filter(({ wasmDigest }) => wasmDigest === digest);
      const names = new Set<Digest>([digest, ...own.map(({ name }) => name)]);
      return {
        wasmDigest: digest,
        size,
        usedAt,
        from: [...new Set(own.flatMap(({ from }) => from))],
        isNeeded: isNeeded(needed, names, usedAt),
      };
    });
    return modules.sort((a, b) => b.usedAt - a.usedAt);
  }

  async damaged(): Promise<readonly string[]> {
    return namesIn(join(this.directory, DAMAGED));
  }

  async verify(): Promise<readonly Digest[]> {
    const wrong: Digest[] = [];
    for (const { digest } of await peekBlobs(this.directory)) if (!(await isWholeBlob(this.directory, digest))) wrong.push(digest);
    return wrong;
  }

  async prune(maxBytes: number) {
    const needed = await readNeeded(this.directory);
    if (needed === undefined)
      return fail(
        "NeededUnknown",
        `${this.directory} does not say what kept revisions need, so nothing was removed; start weir serve once with this folder, or remove the folder: its modules are pulled again`,
      );
    const halfWritten = await removeLitter(this.directory, systemClock.now(), silentLog);
    const before = await peekBlobs(this.directory);
    const late = before.filter(({ usedAt }) => usedAt >= needed.at).map(({ digest }) => digest);
    const keep = needed.digests.union(new Set(late));
    await evict(this.blobs, this.records, { directory: this.directory, maxBytes, log: silentLog }, () => keep);
    const left = new Set((await peekBlobs(this.directory)).map(({ digest }) => digest));
    const gone = before.filter(({ digest }) => !left.has(digest));
    return ok({ modules: gone.length, bytes: gone.reduce((sum, { size }) => sum + size, 0), halfWritten });
  }
}

function isNeeded(needed: Needed | undefined, names: ReadonlySet<Digest>, usedAt: number): boolean | undefined {
  if (needed === undefined) return undefined;
  return usedAt >= needed.at || [...names].some((name) => needed.digests.has(name));
}
