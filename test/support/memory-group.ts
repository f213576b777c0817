import { existsSync } from "node:fs";
import { mkdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually } from "./process.ts";

/** A control group with a bound on memory, as a container has. */
export interface MemoryGroup {
  /** A command line that runs `command` in the group. */
  inside(command: readonly string[]): [string, ...string[]];
  /** How many of its processes the kernel ended because the memory was used up. */
  killed(): Promise<number>;
  remove(): Promise<void>;
}

/** Of version 1, and of version 2: https://docs.kernel.org/admin-guide/cgroup-v2.html#memory. */
const VERSIONS = [
  { root: "/sys/fs/cgroup/memory", limit: "memory.limit_in_bytes", events: "memory.oom_control" },
  { root: "/sys/fs/cgroup", limit: "memory.max", events: "memory.events" },
] as const;

/** `undefined` where this process may make none: without root, or without the kernel's memory controller. */
export async function createMemoryGroup(megabytes: number): Promise<MemoryGroup | undefined> {
  for (const { root, limit, events } of VERSIONS) {
    const path = join(root, `weir-test-${process.pid}`);
    if (
      !(await mkdir(path)
        .then(() => true)
        .catch(() => false))
    )
      continue;
    const remove = () => eventually("the group is empty", () => rmdir(path).then(() => true), 5_000);
    if (!existsSync(join(path, limit))) {
      await remove();
      continue;
    }
    await writeFile(join(path, limit), String(megabytes * 1024 * 1024));
    return {
      inside: (command) => ["/bin/sh", "-c", `echo $$ > ${join(path, "cgroup.procs")}; exec "$@"`, "sh", ...command],
      killed: async () => Number(/^oom_kill (\d+)/m.exec(await readFile(join(path, events), "utf8"))?.[1]),
      async remove() {
        await remove();
      },
    };
  }
  return undefined;
}
