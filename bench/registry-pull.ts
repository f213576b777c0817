/**
 * A pull of a module of 64 MiB from a real registry, beside skopeo's of the same image, in turns: `node bench/registry-pull.ts`. Ours is the pull of `weir serve`, from the
 * first request to the verified file, in a process with the flags of bin/weir that has pulled a small one before; skopeo's is its process. Then the same module in a gzipped tar, and from a plain URL.
 * On a machine that does other work compare the CPU times.
 */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { gzipSync } from "node:zlib";
import { digestOf } from "../model/digest.ts";
import { createModuleRegistry, pushModule } from "../oci/index.ts";
import { addBlob, addManifest, createContent, tar, wasm } from "../oci/testing/images.ts";
import { valued } from "../oci/testing/result.ts";
import { upload } from "../oci/testing/upload.ts";
import { startRegistry } from "../test/support/registry.ts";
import { runSkopeo } from "../test/support/skopeo.ts";
import { createTempFolder } from "../test/support/temp-folder.ts";
import { cpuOfEnded, start } from "./processes.ts";

const ROUNDS = 7;
const SIZE = (64 << 20) - 64;
const MIB = 1 << 20;

interface Job {
  readonly dataDir: string;
  readonly place: string;
  readonly digest: `sha256:${string}`;
}

interface Run {
  readonly wall: number;
  readonly cpu: number;
  /** Bytes of memory beyond what the process had before. */
  readonly memory: number;
}

if (process.argv[2] === "pull") await pullWhatIsAsked();
else await compare();

/** The child: pulls what a line of its standard input names, and says what it took. */
async function pullWhatIsAsked(): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    const job: Job = JSON.parse(line);
    const modules = createModuleRegistry({ dataDir: job.dataDir });
    const asking = { keychain: new Map(), namespace: "bench" };
    const before = await memory("VmRSS");
    await writeFile("/proc/self/clear_refs", "5"); // https://man7.org/linux/man-pages/man5/proc_pid_clear_refs.5.html: VmHWM begins anew
    const usage = process.cpuUsage();
    const from = performance.now();
    valued(await (job.place.startsWith("http:") ? modules.pullUrl : modules.pull).call(modules, job.place, job.digest, asking));
    const wall = performance.now() - from;
    const { user, system } = process.cpuUsage(usage);
    const run: Run = { wall, cpu: (user + system) / 1000, memory: (await memory("VmHWM")) - before };
    console.log(JSON.stringify({ event: "pulled", ...run }));
  }
}

async function memory(name: "VmRSS" | "VmHWM"): Promise<number> {
  const status = await readFile("/proc/self/status", "utf8");
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1]) * 1024;
}

async function compare(): Promise<void> {
  const folder = await createTempFolder("registry-pull");
  const registry = await startRegistry();
  const small = valued(await pushModule(`${registry.host}/bench/small:1`, wasm("small"), { keychain: new Map() }));
  const module = wasm("large", SIZE);
  module.set(randomBytes(SIZE - 64), 64);
  const image = `${registry.host}/bench/large:1`;
  const large = valued(await pushModule(image, module, { keychain: new Map() }));
  const packed = createContent();
  const layer = addBlob(
    packed,
    "application/vnd.oci.image.layer.v1.tar+gzip",
    gzipSync(await tar([{ name: "plugin.wasm", bytes: module }])),
  );
  const tarred = addManifest(packed, "application/vnd.oci.image.config.v1+json", [layer], "1");
  await upload(registry.host, "bench/tar", packed);
  const files = createServer((_, response) => void response.end(module)).listen(0, "127.0.0.1");
  await once(files, "listening");
  const address = files.address();
  const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}/large.wasm`;

  const child = start(process.execPath, ["--max-semi-space-size=8", import.meta.filename, "pull"]);
  let data = 0;
  const pull = async (place: string, digest: Job["digest"]): Promise<Run> => {
    child.say(JSON.stringify({ dataDir: join(folder.path, `data-${data++}`), place, digest } satisfies Job));
    return (await child.wait("pulled")) as unknown as Run;
  };
  const skopeo = async (): Promise<Run> => {
    const used = await cpuOfEnded();
    const from = performance.now();
    const flags = ["--insecure-policy", "copy", "--preserve-digests", "--src-tls-verify=false"];
    await runSkopeo([...flags, `docker://${image}`, `oci:${join(folder.path, `skopeo-${data++}`)}:1`], folder.path);
    return { wall: performance.now() - from, cpu: (await cpuOfEnded()) - used, memory: 0 };
  };
  await pull(`${registry.host}/bench/small:1`, small.digest);
  const ways = {
    weir: () => pull(image, large.digest),
    skopeo,
    "weir, in a gzipped tar": () => pull(`${registry.host}/bench/tar:1`, tarred.digest),
    "weir, from a URL": () => pull(url, digestOf(module)),
  };
  const runs = Object.fromEntries(Object.keys(ways).map((name) => [name, [] as Run[]]));
  for (let round = 0; round < ROUNDS; round++) for (const [name, way] of Object.entries(ways)) runs[name]?.push(await way());
  await child.kill();
  files.close();
  files.closeAllConnections();
  await registry.stop();
  await folder.remove();
  report(runs);
}

function report(runs: Readonly<Record<string, readonly Run[]>>): void {
  const best = (name: string, what: keyof Run) => Math.min(...(runs[name] ?? []).map((run) => run[what]));
  for (const name of Object.keys(runs)) {
    // The first pull brings the young generation of this process to its size, with what the sockets gave in it.
    const [first = 0, ...others] = (runs[name] ?? []).map(({ memory: bytes }) => Math.round(bytes / MIB));
    const grown = name === "skopeo" ? "" : `, ${first} MiB of memory more the first time, at most ${Math.max(...others)} MiB later`;
    console.log(`${name}: ${Math.round(best(name, "wall"))} ms, ${Math.round(best(name, "cpu"))} ms of CPU${grown}`);
  }
  const ratio = (what: keyof Run) => (best("weir", what) / best("skopeo", what)).toFixed(2);
  console.log(`64 MiB, best of ${ROUNDS}: ${ratio("wall")} of skopeo's wall time, ${ratio("cpu")} of its CPU`);
}
