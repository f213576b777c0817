import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { outsideNpm } from "./environment.ts";
import { NOT_FOUND, run, STOPPED } from "./run.ts";

const env = { PATH: process.env.PATH ?? "" };
const node = (script: string) => ({ program: process.execPath, args: ["-e", script], cwd: process.cwd(), env });
const sh = (script: string) => ({ program: "sh", args: ["-c", script], cwd: process.cwd(), env });

/** False for one that has ended and waits to be collected. */
function isRunning(pid: number): boolean {
  const { stdout } = spawnSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" });
  return stdout.trim() !== "" && !stdout.startsWith("Z");
}

test("a program's exit status and output are told, and its lines as they come", async () => {
  const lines: string[] = [];
  const ran = await run(sh("echo out; echo one >&2; printf two >&2; exit 3"), { onLine: (line) => lines.push(line) });
  assert.deepEqual(ran, { ok: true, value: { code: 3, stdout: "out\n", stderr: "one\ntwo" } });
  assert.deepEqual(lines, ["one", "two"]);
});

test("what is no program is told apart", async () => {
  const ran = await run({ ...sh(""), program: "weir-has-no-such-program" });
  assert.equal(ran.ok ? "" : ran.error.reason, NOT_FOUND);
});

test("only the beginning of a long output is kept", async () => {
  const ran = await run(node(`process.stderr.write("first\\n" + "x".repeat(1 << 20))`));
  assert.ok(ran.ok);
  assert.equal(ran.value.stderr.length, 256 << 10);
  assert.ok(ran.value.stderr.startsWith("first"));
});

test("a signal ends the program and what it started, and what ignores the signal is killed", async () => {
  for (const script of ["sleep 60 & echo $! >&2; wait", "trap '' INT; sleep 60 & echo $! >&2; wait; wait; sleep 60"]) {
    const stop = new AbortController();
    const pids: number[] = [];
    const ran = await run(sh(script), {
      signal: stop.signal,
      graceMs: 50,
      onLine: (line) => {
        pids.push(Number(line));
        stop.abort();
      },
    });
    assert.equal(ran.ok ? "" : ran.error.reason, STOPPED);
    const [pid = 0] = pids;
    assert.ok(pid > 0);
    for (let tries = 0; isRunning(pid) && tries < 100; tries++) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.ok(!isRunning(pid), script);
  }
  const stopped = AbortSignal.abort();
  assert.equal((await run(sh("exit 0"), { signal: stopped })).ok, false);
});

test("a program outside this npm run does not see its settings", () => {
  const clean = outsideNpm({
    PATH: "/a/node_modules/.bin:/usr/bin:/b/node_modules/.bin",
    npm_package_name: "x",
    npm_config_registry: "https://r.example",
    NODE_TEST_CONTEXT: "child-v8",
    HOME: "/h",
    GONE: undefined,
  });
  assert.deepEqual(clean, { PATH: "/usr/bin", npm_config_registry: "https://r.example", HOME: "/h" });
});
