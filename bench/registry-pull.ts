/**
 * A pull of a module of 64 MiB from a real registry, beside skopeo's of the same image, in turns: `node bench/registry-pull.ts`. Ours is the pull of `weir serve`, from the
 * first request to the verified file; skopeo's is its process. On a machine that does other work compare the CPU times.
 */
import { join } from "node:path";
import { createModuleRegistry, pushModule } from "../oci/index.ts";
import { wasm } from "../oci/testing/images.ts";
import { valued } from "../oci/testing/result.ts";
import { startRegistry } from "../test/support/registry.ts";
import { runSkopeo } from "../test/support/skopeo.ts";
import { createTempFolder } from "../test/support/temp-folder.ts";
import { cpuOfEnded } from "./processes.ts";

const ROUNDS = 5;
const SIZE = (64 << 20) - 64;

interface Times {
  readonly wall: number[];
  readonly cpu: number[];
}

const folder = await createTempFolder("registry-pull");
const registry = await startRegistry();
const image = `${registry.host}/bench/large:1`;
const { digest } = valued(await pushModule(image, wasm("large", SIZE), { keychain: new Map() }));
const [ours, theirs]: [Times, Times] = [
  { wall: [], cpu: [] },
  { wall: [], cpu: [] },
];
const before = process.memoryUsage.rss();
let most = before;
const watch = setInterval(() => {
  most = Math.max(most, process.memoryUsage.rss());
}, 5);
for (let round = 0; round < ROUNDS; round++) {
  const modules = createModuleRegistry({ dataDir: join(folder.path, `data-${round}`) });
  const usage = process.cpuUsage();
  let from = performance.now();
  valued(await modules.pull(image, digest, { keychain: new Map(), namespace: "bench" }));
  ours.wall.push(performance.now() - from);
  const { user, system } = process.cpuUsage(usage);
  ours.cpu.push((user + system) / 1000);
  const used = await cpuOfEnded();
  from = performance.now();
  const flags = ["--insecure-policy", "copy", "--preserve-digests", "--src-tls-verify=false"];
  const to = `oci:${join(folder.path, `skopeo-${round}`)}:1`;
  await runSkopeo([...flags, `docker://${image}`, to], folder.path);
  theirs.wall.push(performance.now() - from);
  theirs.cpu.push((await cpuOfEnded()) - used);
}
clearInterval(watch);
const best = ({ wall, cpu }: Times) => ({ wall: Math.round(Math.min(...wall)), cpu: Math.round(Math.min(...cpu)) });
const [we, they] = [best(ours), best(theirs)];
console.log(`64 MiB, best of ${ROUNDS}: weir ${we.wall} ms (${we.cpu} ms of CPU), skopeo ${they.wall} ms (${they.cpu} ms of CPU)`);
console.log(
  `ratio ${(we.wall / they.wall).toFixed(2)} of wall time, ${(we.cpu / they.cpu).toFixed(2)} of CPU; memory at most ${Math.round((most - before) / 1_048_576)} MiB more`,
);
await registry.stop();
await folder.remove();
