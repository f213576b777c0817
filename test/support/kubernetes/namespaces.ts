import { readFile } from "node:fs/promises";
import { type Finished, type RunOptions, run } from "../../../scripts/tools/run.ts";
import { type Process, type ProcessOptions, startProcess } from "../process.ts";

/** The node's address on its own network: RFC 5737 keeps 192.0.2.0/24 for examples, so it is nobody's. */
export const NODE_ADDRESS = "192.0.2.2";

/** The folder of what a cluster writes. It is in memory and the namespaces' own: it goes with them. */
export const WORK = "/run/weir";

/** Namespaces of a cluster's own for network, mounts and processes. When their first process ends, all in them end and all mounts are undone, killed test or not. */
export interface Namespaces {
  /** Runs a command in them to its end. */
  run(command: string, args: readonly string[], options?: RunOptions): Promise<Finished>;
  /** Starts a process in them. Its `stop` is a kill. */
  start(command: string, args: readonly string[], options?: ProcessOptions): Promise<Process>;
  /** The path, in the namespace of this process, of a path in theirs. */
  outside(path: string): string;
  stop(): Promise<void>;
}

/** What the kubelet would set for the whole machine: it finds it set so, and leaves the machine's own alone. */
const KERNEL_SETTINGS = {
  "vm/overcommit_memory": 1,
  "vm/panic_on_oom": 0,
  "kernel/panic": 10,
  "kernel/panic_on_oops": 1,
  "kernel/keys/root_maxkeys": 1_000_000,
  "kernel/keys/root_maxbytes": 25_000_000,
};

/** `/var` is the machine's, with what is written there kept apart: kubelet, CNI plugins and containerd have paths in it that cannot be changed. */
const SETUP = `
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p ${WORK}/var ${WORK}/var-work
mount -t overlay -o lowerdir=/var,upperdir=${WORK}/var,workdir=${WORK}/var-work overlay /var
set_fixed() { mkdir -p "$(dirname "${WORK}/sys/$1")"; echo "$2" > "${WORK}/sys/$1"; mount --bind "${WORK}/sys/$1" "/proc/sys/$1"; }
${Object.entries(KERNEL_SETTINGS)
  .map(([name, value]) => `set_fixed ${name} ${value}`)
  .join("\n")}
mount --make-rshared /
ip link set lo up
ip link add n0 type bridge
ip address add ${NODE_ADDRESS}/24 dev n0
ip link set n0 up
ip route add default dev n0
echo 1 > /proc/sys/net/ipv4/ip_forward
echo ready
sleep infinity &
wait
`;

/** Makes the namespaces. Needs root. */
export async function createNamespaces(): Promise<Namespaces> {
  const own = ["--net", "--mount", "--pid", "--ipc", "--fork", "--kill-child=KILL", "--mount-proc"];
  const first = await startProcess("unshare", [...own, "sh", "-euc", SETUP], { name: "namespaces" });
  await first.waitFor("the namespaces", (logs) => logs.includes("ready"));
  const pid = (await readFile(`/proc/${first.pid}/task/${first.pid}/children`, "utf8")).trim();
  // What nsenter starts is in the process namespace, and nsenter itself is not: when it is killed, so is what it started.
  const entered = (command: string, args: readonly string[]) =>
    [...["--target", pid, "--net", "--mount", "--pid", "--ipc"], "--", "setpriv", "--pdeathsig", "KILL", command, ...args] as const;
  return {
    run: (command, args, options) => run("nsenter", entered(command, args), options),
    async start(command, args, options = {}) {
      const started = await startProcess("nsenter", entered(command, args), { name: command.split("/").at(-1) ?? command, ...options });
      return { ...started, stop: () => started.kill() };
    },
    outside: (path) => `/proc/${pid}/root${path}`,
    async stop() {
      await first.kill();
    },
  };
}
