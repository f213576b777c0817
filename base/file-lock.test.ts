import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { tryLock, waitForLock } from "./file-lock.ts";

test("one has the lock at a time, and the next has it once it is released", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "weir-lock-"));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, "lock");
  const first = await tryLock(path);
  assert.ok(first);
  assert.equal(await tryLock(path), undefined);
  assert.equal(await waitForLock(path, 30), undefined);
  const waiting = waitForLock(path, 5_000);
  first.release();
  const second = await waiting;
  assert.ok(second);
  second.release();
});

test("a process that is killed holds no lock", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "weir-lock-"));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, "lock");
  const script = `import { tryLock } from ${JSON.stringify(new URL("./file-lock.ts", import.meta.url).href)};
    await tryLock(${JSON.stringify(path)}); console.log("held"); setInterval(() => {}, 1000);`;
  const holder = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", "--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(holder.stdout, "data");
  assert.equal(await tryLock(path), undefined);
  holder.kill("SIGKILL");
  await once(holder, "exit");
  const lock = await tryLock(path);
  assert.ok(lock);
  lock.release();
});
