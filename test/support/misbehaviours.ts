import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cached, keyOf } from "../../base/cache-folder.ts";
import { needGo } from "../../scripts/tools/machine.ts";
import { outsideNpm, runOk } from "../../scripts/tools/run.ts";

const SOURCE = fileURLToPath(new URL("../../preflight/testing/go/", import.meta.url));
const FLAGS = ["-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -buildid="];

/** A real Go filter that does what its configuration says; the acts are in its source. Built once, kept in the user's cache. */
export async function buildMisbehaving(): Promise<Uint8Array> {
  const toolchain = await needGo(SOURCE);
  const sources = await Promise.all((await readdir(SOURCE)).sort().map((name) => readFile(join(SOURCE, name), "utf8")));
  const folder = await cached(`misbehave-go-${keyOf(...sources, toolchain, FLAGS.join(" "))}`, async (into) => {
    const env = { ...outsideNpm(), GOOS: "wasip1", GOARCH: "wasm" };
    await runOk("go", ["build", ...FLAGS, "-o", join(into, "filter.wasm"), "."], { cwd: SOURCE, env });
  });
  return readFile(join(folder, "filter.wasm"));
}

/** Everything that the filter can be told to do. */
export const MISBEHAVIOURS: readonly string[] = [
  "nothing",
  "refuse",
  "panic at start",
  "exit at start",
  "sleep at start",
  "deadlock at start",
  "call at start",
  "panic on a request",
  "index out of range",
  "nil pointer",
  "recurse",
  "exit on a request",
  "deny",
  "call and go on",
  "call nowhere",
  "rewrite the body",
];
