import { run } from "./run.ts";

/**
 * Why this machine cannot run a node of Kubernetes, in words for a skipped test; undefined when it can. A node needs root, namespaces of its own, cgroups that it
 * may write, and packages of Debian.
 */
export async function lacksForNode(): Promise<string | undefined> {
  if (process.platform !== "linux") return "needs Linux, for namespaces and cgroups";
  if (process.getuid?.() !== 0) return "needs root, for namespaces and cgroups";
  const apart = ["--net", "--mount", "--pid", "--fork", "--mount-proc"];
  const tried = await run("unshare", [...apart, "ip", "link", "add", "n0", "type", "bridge"]).catch(() => undefined);
  if (tried === undefined) return "needs unshare and nsenter (Debian: util-linux)";
  if (tried.code !== 0)
    return `needs namespaces of its own with a bridge in them (Debian: iproute2): ${tried.stderr.trim().split("\n").at(-1)}`;
  const cgroup = `/sys/fs/cgroup${await firstController()}/weir-probe-${process.pid}`;
  const made = await run("sh", ["-c", 'mkdir "$1" && rmdir "$1"', "sh", cgroup]);
  if (made.code !== 0) return "needs cgroups that it may write";
  const apt = await run("apt-get", ["--version"]).catch(() => undefined);
  return apt === undefined ? "needs packages of Debian or Ubuntu" : undefined;
}

/** The folder of one controller where each has its own (cgroup v1), nothing where all share one. */
async function firstController(): Promise<string> {
  const { stdout } = await run("stat", ["--file-system", "--format=%T", "/sys/fs/cgroup"]);
  return stdout.trim() === "cgroup2fs" ? "" : "/memory";
}
