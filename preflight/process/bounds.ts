import { existsSync, readFileSync } from "node:fs";

/** What one proof may take of the machine, beyond its time. */
export interface ProofBounds {
  /** Heap of V8, in MiB: JavaScript, tables, and the objects of modules with garbage collection. */
  readonly heapMb: number;
  /** Resident memory of the whole process, in MiB, watched from outside every few milliseconds. */
  readonly residentMb: number;
  /** CPU seconds of the whole process. The kernel ends it then, even when nobody is left to watch. */
  readonly cpuSeconds: number;
}

/** What a process took so far. */
export interface Usage {
  readonly residentMb: number;
  readonly cpuMs: number;
}

/** What sets the kernel's bounds: the shell, or where there is none, as in Weir's image, a program that does just that. */
const SHELL = "/bin/sh";
export const PRLIMIT = "/usr/bin/prlimit";

/** Which of the bounds of provers this machine does not offer, a line each, for the log. */
export function missingBounds(): readonly string[] {
  return [
    ...(existsSync("/proc/self/status")
      ? []
      : ["there is no /proc, so memory and CPU time of proofs are not watched; run on Linux with /proc mounted"]),
    ...(existsSync(SHELL) || existsSync(PRLIMIT)
      ? []
      : [`there is neither ${SHELL} nor ${PRLIMIT}, so the kernel's bounds for proofs are not set; use an image that has one of them`]),
  ];
}

/** Clock ticks a second in /proc/PID/stat: a constant of Linux's interface. */
const TICKS = 100;

/** `undefined` where there is no /proc (only Linux has it) or the process is gone. */
export function usageOf(pid: number): Usage | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "latin1");
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const [user, system] = stat
      .slice(stat.lastIndexOf(")") + 2)
      .split(" ")
      .slice(11, 13)
      .map(Number);
    const resident = /^VmRSS:\s+(\d+) kB/m.exec(status)?.[1];
    if (resident === undefined) return undefined;
    return { residentMb: Number(resident) / 1024, cpuMs: (((user ?? 0) + (system ?? 0)) * 1000) / TICKS };
  } catch {
    return undefined;
  }
}

/** Files and sockets that a process may have open: Node itself takes about 20. */
const MAX_FILES = 64;
/**
 * Writable memory above the resident bound before the kernel itself refuses more (RLIMIT_DATA): what threads reserve for their stacks, and time
 * for the watch to see it first and to name it. RLIMIT_AS would not do: V8 reserves gigabytes of addresses around each memory.
 */
const DATA_MARGIN_MB = 512;
/** CPU seconds between the signal that can be named and the one that cannot be caught. */
const CPU_MARGIN = 2;

/** The command line that runs `command` within the kernel's bounds. The process that it starts becomes the command. */
export function withinBounds(bounds: ProofBounds, command: readonly [string, ...string[]]): [string, string[]] {
  if (existsSync(SHELL)) return [SHELL, ["-c", shellLimits(bounds), ...command]];
  if (existsSync(PRLIMIT)) return [PRLIMIT, [...prlimitOptions(bounds), ...command]];
  const [program, ...args] = command;
  return [program, args];
}

/** Arguments of prlimit(1) that set the same bounds as `shellLimits`. It refuses to start anything where the system does not know one. */
export function prlimitOptions({ residentMb, cpuSeconds }: ProofBounds): string[] {
  return [
    "--core=0",
    `--nofile=${MAX_FILES}`,
    `--data=${(residentMb + DATA_MARGIN_MB) * 1024 * 1024}`,
    `--cpu=${cpuSeconds}:${cpuSeconds + CPU_MARGIN}`,
  ];
}

/** A command line for /bin/sh that sets the kernel's bounds and becomes the command in its arguments. A bound that the system does not know is left out. */
function shellLimits({ residentMb, cpuSeconds }: ProofBounds): string {
  const limits = [
    "-c 0",
    `-n ${MAX_FILES}`,
    `-d ${(residentMb + DATA_MARGIN_MB) * 1024}`,
    `-S -t ${cpuSeconds}`,
    `-H -t ${cpuSeconds + CPU_MARGIN}`,
  ];
  return `${limits.map((limit) => `ulimit ${limit} 2>/dev/null || :`).join("; ")}; exec "$0" "$@"`;
}
