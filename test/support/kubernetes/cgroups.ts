import { mkdir, readdir, readFile, rmdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

const MOUNT = "/sys/fs/cgroup";
const PREFIX = "weir-kubernetes-";

/** A cgroup of this cluster's own, in every hierarchy: two kubelets under one would each end the other's pods as orphans. */
export interface Cgroup {
  /** As the kubelet names it: from the root of each hierarchy. */
  readonly path: string;
  /** Removes it with all below it. Everything in it must have ended. */
  remove(): Promise<void>;
}

/** Makes the cgroup, and removes those of processes that ended without doing so. `number` tells clusters of one process apart. */
export async function createCgroup(number: number): Promise<Cgroup> {
  const roots = await hierarchies();
  for (const root of roots) await removeAbandoned(root);
  const name = `${PREFIX}${process.pid}-${number}`;
  for (const root of roots) {
    await mkdir(join(root, name), { recursive: true });
    await inheritCpus(root, join(root, name));
  }
  return {
    path: `/${name}`,
    async remove() {
      for (const root of roots) await removeTree(join(root, name));
    },
  };
}

/** One folder where all controllers share one hierarchy (cgroup v2), one for each where they do not. */
async function hierarchies(): Promise<string[]> {
  if (await exists(join(MOUNT, "cgroup.controllers"))) return [MOUNT];
  const entries = await readdir(MOUNT, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map((entry) => join(MOUNT, entry.name));
}

/** In cgroup v1 a new cpuset has no CPU and no memory, and takes no process until it has. */
async function inheritCpus(parent: string, child: string): Promise<void> {
  for (const name of ["cpuset.cpus", "cpuset.mems"]) {
    const value = await readFile(join(parent, name), "utf8").catch(() => "");
    if (value.trim() !== "") await writeFile(join(child, name), value);
  }
}

async function removeAbandoned(root: string): Promise<void> {
  for (const name of await readdir(root)) {
    const pid = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1];
    if (pid !== undefined && !(await exists(`/proc/${pid}`))) await removeTree(join(root, name));
  }
}

/** A cgroup goes when it is empty, and a process that was just killed is in it for a moment more. */
async function removeTree(folder: string): Promise<void> {
  const below = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of below) if (entry.isDirectory()) await removeTree(join(folder, entry.name));
  for (let tries = 0; tries < 50; tries++) {
    const error = await rmdir(folder).then(
      () => undefined,
      (failed: NodeJS.ErrnoException) => failed,
    );
    if (error === undefined || error.code === "ENOENT") return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
