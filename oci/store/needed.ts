import { stat } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomically } from "../../base/atomic-file.ts";
import { readBounded } from "../../base/read-bounded.ts";
import type { Clock } from "../../model/clock.ts";
import { type Digest, isDigest } from "../../model/digest.ts";
import type { Log } from "../../model/log.ts";

/** What kept revisions need, a digest a line, for whoever tidies up a store whose server does not run. */
const FILE = "needed.txt";
/** Revisions change many at a time. */
const DELAY_MS = 10_000;
/** A million digests. */
const MAX_BYTES = 72_000_000;

export interface NeededNote {
  /** Writes it down a little later, with all that changes meanwhile. Nothing, while it is not all known. */
  write(needed: () => ReadonlySet<Digest> | undefined): void;
}

export function createNeededNote(options: { readonly directory: string; readonly clock: Clock; readonly log: Log }): NeededNote {
  const { directory, clock, log } = options;
  let latest: (() => ReadonlySet<Digest> | undefined) | undefined;
  const run = async () => {
    const digests = latest?.();
    latest = undefined;
    if (digests === undefined) return;
    await writeFileAtomically(join(directory, FILE), `${[...digests].sort().join("\n")}\n`).catch((error) =>
      log.warn("what is needed of the module store cannot be written down", { error: String(error) }),
    );
  };
  return {
    write(needed) {
      const isWaiting = latest !== undefined;
      latest = needed;
      if (!isWaiting) clock.after(DELAY_MS, run);
    },
  };
}

export interface Needed {
  /** Of manifests, URLs' contents and modules. */
  readonly digests: ReadonlySet<Digest>;
  /** When it was written, in milliseconds since the epoch. */
  readonly at: number;
}

/** What was written down last; `undefined`: nothing that can be read. */
export async function readNeeded(directory: string): Promise<Needed | undefined> {
  const path = join(directory, FILE);
  const bytes = await readBounded(path, MAX_BYTES).catch(() => undefined);
  const stats = await stat(path).catch(() => undefined);
  if (bytes === undefined || stats === undefined) return undefined;
  const lines = new TextDecoder().decode(bytes).split("\n");
  return { digests: new Set(lines.filter((line): line is Digest => isDigest(line))), at: stats.mtimeMs };
}
