import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readBounded } from "../../base/read-bounded.ts";

/** Written by each replica once it has the folder's lock: its id, which file this is, and of which run of which kernel the lock was. */
const FILE = "replica";
const MAX_BYTES = 512;
/** Another one after each start of the machine. https://man7.org/linux/man-pages/man4/random.4.html */
const BOOT_ID = "/proc/sys/kernel/random/boot_id";

/**
 * Gives the id of the replica that had this data folder before, and leaves this one's. Call it with the folder's lock held: who wrote the file had it then, and has ended. A copy
 * of a folder says nothing, since who wrote that may still run: it is another file, or (where `id` begins with another host's name) elsewhere. Nor does a folder that came from
 * another machine, as a volume of a pod that keeps its name does: the lock of here was never held there. `undefined`: none is known.
 */
export async function follow(dataDir: string, id: string, bootFile = BOOT_ID): Promise<string | undefined> {
  const path = join(dataDir, FILE);
  try {
    const boot = (await readFile(bootFile, "utf8")).trim();
    const before = await read(path);
    await writeFile(path, "", { flag: "a", mode: 0o600 });
    const { ino } = await stat(path);
    const lock = `${ino} ${boot}`;
    await writeFile(path, `${id} ${lock}\n`);
    const [, predecessor, of] = /^(\S+) (\d+ \S+)\n$/.exec(before) ?? [];
    return of === lock && predecessor !== undefined && hostOf(predecessor) === hostOf(id) ? predecessor : undefined;
  } catch {
    // Without it this replica waits until the lease ends.
    return undefined;
  }
}

async function read(path: string): Promise<string> {
  const bytes = await readBounded(path, MAX_BYTES).catch(() => undefined);
  return Buffer.from(bytes ?? []).toString("utf8");
}

const hostOf = (id: string): string => id.slice(0, id.lastIndexOf("_"));
