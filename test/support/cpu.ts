import { readdir, readFile } from "node:fs/promises";

/** CPU milliseconds that the threads of a process took so far, to the nanosecond; NaN where that cannot be read. https://docs.kernel.org/scheduler/sched-stats.html#proc-pid-schedstat */
export async function cpuOf(pid: number): Promise<number> {
  try {
    const threads = await readdir(`/proc/${pid}/task`);
    const times = await Promise.all(threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/schedstat`, "utf8")));
    return times.reduce((sum, text) => sum + Number(text.split(" ")[0]) / 1e6, 0);
  } catch {
    return Number.NaN;
  }
}

/** How long the main thread of a process has run and has waited for a processor. https://docs.kernel.org/scheduler/sched-stats.html#proc-pid-schedstat */
export async function scheduled(pid: number): Promise<{ readonly ranNs: number; readonly waitedNs: number }> {
  const [ranNs = 0, waitedNs = 0] = (await readFile(`/proc/${pid}/schedstat`, "utf8")).split(" ").map(Number);
  return { ranNs, waitedNs };
}
