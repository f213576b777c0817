import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";

/** Starts a prover with no descriptor left, then one when there are some again. */
const PROGRAM = `
  import { closeSync, openSync } from "node:fs";
  import { startProver } from ${JSON.stringify(new URL("./prover.ts", import.meta.url).href)};
  import { proverProgram } from ${JSON.stringify(new URL("./program.ts", import.meta.url).href)};
  proverProgram();
  const bounds = { heapMb: 64, residentMb: 512, cpuSeconds: 10 };
  const opened = [];
  try { for (;;) opened.push(openSync("/dev/null")); } catch {}
  const prover = startProver(bounds);
  const end = await new Promise((done) => {
    prover.listen(() => {}, done);
    prover.send({}, new Uint8Array(1));
  });
  for (const fd of opened) closeSync(fd);
  const next = startProver(bounds);
  const ready = await new Promise((done) => {
    next.listen(done, done);
    next.send({}, new Uint8Array(1));
  });
  console.log(JSON.stringify({ hasEnded: prover.hasEnded, words: end.words, ready }));
  next.kill();
`;

test("a prover for which there is no open file left has ended, and this process goes on", async () => {
  const limited = 'ulimit -n 100; exec "$0" --input-type=module-typescript -e "$1"';
  const { stdout } = await promisify(execFile)("/bin/sh", ["-c", limited, process.execPath, PROGRAM], { timeout: 20_000 });
  const said = JSON.parse(stdout);
  assert.equal(said.hasEnded, true);
  assert.match(said.words, /EMFILE/);
  assert.deepEqual(said.ready, { ready: true });
});
