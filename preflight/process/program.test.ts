import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

const PROGRAM = `
  import { proverProgram } from ${JSON.stringify(new URL("./program.ts", import.meta.url).href)};
  console.log(proverProgram().length);
`;

/** Bytes of the program, as a process with its code cache there makes it. */
async function makeIn(code: string): Promise<number> {
  const env = { ...process.env, NODE_COMPILE_CACHE: code };
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module-typescript", "-e", PROGRAM], { env });
  return Number(stdout);
}

test("of the programs that were kept the last used stay, and nothing else is touched", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "weir-program-"));
  t.after(() => rm(folder, { recursive: true }));
  await mkdir(join(folder, "code"));
  const names = Array.from({ length: 12 }, (_, index) => `prover-${index.toString(16).padStart(32, "0")}.json${index === 0 ? ".17" : ""}`);
  for (const [index, name] of names.entries()) {
    await writeFile(join(folder, name), "{}");
    await utimes(join(folder, name), index, index);
  }
  await writeFile(join(folder, "prover-notes.json"), "mine");
  const size = await makeIn(join(folder, "code"));
  const left = (await readdir(folder)).sort();
  const made = left.filter((name) => name.startsWith("prover-") && !names.includes(name) && name !== "prover-notes.json");
  assert.equal(made.length, 1);
  assert.deepEqual(left, ["code", "prover-notes.json", ...made, ...names.slice(-5)].sort());
  assert.equal(await makeIn(join(folder, "code")), size, "what was kept is what was made");
});

test("a folder that cannot be written is done without", async () => {
  assert.ok((await makeIn("/dev/null/code")) > 10_000);
});
