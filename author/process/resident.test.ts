import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { type TestContext, test } from "node:test";
import { createResident } from "./resident.ts";

/** A compiler that counts its runs, says who it is, and does as it is told. */
const MODULE = `data:text/javascript,${encodeURIComponent(`
  let runs = 0;
  export async function main([order], { stdout, stderr }) {
    runs += 1;
    if (order === "die") process.exit(3);
    if (order === "throw") throw new Error("broken");
    if (order === "wait") await new Promise((resolve) => setTimeout(resolve, 50));
    stdout.write(JSON.stringify({ order, runs, pid: process.pid, cwd: process.cwd() }));
    stderr.write("words");
    return { error: order === "fail" ? new Error("failed") : null };
  }`)}`;

function scene(t: TestContext) {
  const resident = createResident();
  t.after(() => resident.stop());
  const command = (order: string) => ({
    program: process.execPath,
    args: [],
    cwd: tmpdir(),
    env: {},
    main: { module: MODULE, args: [order] },
  });
  const run = async (order: string, signal?: AbortSignal) => {
    const ran = await resident.run(command(order), { signal });
    return ran.ok ? ran.value : ran.error.reason;
  };
  const told = async (order: string) => {
    const ran = await run(order);
    assert.ok(typeof ran === "object" && ran.code === 0, JSON.stringify(ran));
    return JSON.parse(ran.stdout) as { order: string; runs: number; pid: number };
  };
  return { resident, run, told };
}

test("commands run in one process, in turn, and what fails is told as a program tells it", async (t) => {
  const { run, told } = scene(t);
  const [first, second] = await Promise.all([told("wait"), told("b")]);
  assert.deepEqual([first?.runs, second?.runs, second?.order], [1, 2, "b"]);
  assert.equal(second?.pid, first?.pid);
  const failed = await run("fail");
  assert.ok(typeof failed === "object");
  assert.deepEqual([failed.code, failed.stderr], [1, "words"]);
  const thrown = await run("throw");
  assert.ok(typeof thrown === "object" && thrown.code === 1);
  assert.match(thrown.stderr, /Error: broken/);
  assert.equal((await told("c")).pid, first?.pid);
});

test("one that is stopped gives way at once, and its process serves the next", async (t) => {
  const { run, told } = scene(t);
  const { pid } = await told("a");
  const abort = new AbortController();
  const stopped = run("wait", abort.signal);
  abort.abort();
  assert.equal(await stopped, "Stopped");
  assert.equal(await run("b", abort.signal), "Stopped");
  assert.equal((await told("c")).pid, pid);
});

test("a process that dies takes its run with it, and the next run has another", async (t) => {
  const { resident, run, told } = scene(t);
  const { pid } = await told("a");
  const died = await run("die");
  assert.ok(typeof died === "object");
  assert.deepEqual([died.code, died.stderr], [1, "the compiler's process ended before it was done"]);
  const next = await told("b");
  assert.notEqual(next.pid, pid);
  assert.equal(next.runs, 1);
  resident.stop();
  const { pid: third } = await told("c");
  assert.notEqual(third, next.pid);
});

test("a command without such a main is a program of its own", async (t) => {
  const { resident } = scene(t);
  const ran = await resident.run({ program: process.execPath, args: ["-p", "6 * 7"], cwd: tmpdir(), env: {} });
  assert.ok(ran.ok && ran.value.stdout === "42\n");
});
