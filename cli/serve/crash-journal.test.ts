import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { silentLog } from "../../model/log.ts";
import { createCrashJournal } from "./crash-journal.ts";
import { lockData } from "./data-lock.ts";

const TRIED = { filter: "shop/f", spec: { image: "r.example/f:1" } };

async function folder(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "weir-crash-"));
  t.after(() => rm(dir, { recursive: true }));
  return dir;
}

/** Another start of the server. */
function open(t: TestContext, dataDir: string, version = "1.0.0", now = 1_000) {
  const journal = createCrashJournal({ dataDir, log: silentLog, version, now: () => now });
  t.after(() => journal.close());
  return journal;
}

test("an end is held against the spec that was under way, wherever the error came from", async (t) => {
  const dir = await folder(t);
  const journal = open(t, dir);
  assert.equal(journal.end(), undefined, "nothing was under way");
  const late = journal.during(TRIED, () => new Promise<string | undefined>((resolve) => setTimeout(() => resolve(journal.end()), 1)));
  assert.equal(
    journal.during({ filter: "shop/other", spec: {} }, () => journal.ends(TRIED)),
    0,
  );
  assert.equal(await late, "shop/f");
  assert.equal(journal.ends(TRIED), 1);
  const next = open(t, dir);
  next.during(TRIED, () => next.end());
  assert.equal(open(t, dir).ends(TRIED), 2);
});

test("another spec, another version and another day try again", async (t) => {
  const dir = await folder(t);
  const journal = open(t, dir);
  for (let i = 0; i < 2; i++) journal.during(TRIED, () => journal.end());
  assert.equal(open(t, dir).ends(TRIED), 2);
  assert.equal(open(t, dir).ends({ ...TRIED, spec: { image: "r.example/f:2" } }), 0);
  assert.equal(open(t, dir).ends({ ...TRIED, filter: "other/f" }), 0);
  assert.equal(open(t, dir, "1.0.1").ends(TRIED), 0);
  assert.equal(open(t, dir, "1.0.0", 1_000 + 25 * 3_600_000).ends(TRIED), 0);
});

test("an attempt that ended the process at once is found by the next start, one that was made is not", async (t) => {
  const dir = await folder(t);
  const journal = open(t, dir);
  assert.equal(
    journal.attempt(TRIED, () => "done"),
    "done",
  );
  assert.throws(() =>
    journal.attempt(TRIED, () => {
      throw new Error("caught by somebody");
    }),
  );
  assert.equal(open(t, dir).ends(TRIED), 0);
  const module = new URL("./crash-journal.ts", import.meta.url);
  const script = `const { createCrashJournal } = await import(${JSON.stringify(module)});
    const journal = createCrashJournal({ dataDir: ${JSON.stringify(dir)}, version: "1.0.0", now: () => 1000 });
    journal.attempt(${JSON.stringify(TRIED)}, () => process.kill(process.pid, "SIGKILL"));
    await new Promise((resolve) => setTimeout(resolve, 60_000));`;
  const { signal } = spawnSync(process.execPath, ["--input-type=module", "-e", script]);
  assert.equal(signal, "SIGKILL");
  assert.equal(open(t, dir).ends(TRIED), 1);
  assert.equal(open(t, dir).ends(TRIED), 1, "it counts once");
});

test("files that are damaged hold nothing against anybody", async (t) => {
  const dir = await folder(t);
  for (const text of ["", "{", "[1, {}]", '{"a": 1}', "\0".repeat(600)]) {
    for (const name of ["crashes.json", "under-way"]) await writeFile(join(dir, name), text);
    assert.equal(open(t, dir).ends(TRIED), 0);
  }
});

test("a data folder has one server, and the next one after that ended in any way", async (t) => {
  const dir = await folder(t);
  const module = new URL("./data-lock.ts", import.meta.url);
  const script = `const { lockData } = await import(${JSON.stringify(module)});
    const locked = await lockData(${JSON.stringify(dir)}, console);
    process.stdout.write(JSON.stringify({ pid: process.pid, ...locked }));
    if (process.argv[1] === "kill") process.kill(process.pid, "SIGKILL");`;
  const other = (word = "") =>
    spawnSync(process.execPath, ["--no-warnings", "--input-type=module", "-e", script, word], { encoding: "utf8" });
  const first = await lockData(dir, silentLog);
  assert.ok(first.ok);
  const { error } = JSON.parse(other().stdout);
  assert.equal(error.reason, "DataInUse");
  assert.match(error.message, new RegExp(`in use by another weir serve \\(process ${process.pid}\\); stop it first`));
  first.value.release();
  const killed = other("kill");
  assert.equal(killed.signal, "SIGKILL");
  assert.equal((await readFile(join(dir, "lock.pid"), "utf8")).trim(), String(JSON.parse(killed.stdout).pid));
  const next = await lockData(dir, silentLog);
  assert.ok(next.ok);
  next.value.release();
});

test("where the mark cannot be written the work is done all the same: a full disk stops no filter at a start", async (t) => {
  const journal = createCrashJournal({ dataDir: await folder(t), log: silentLog, version: "1.0.0", now: () => 0 });
  journal.close(); // each write fails from now on
  assert.equal(
    journal.attempt(TRIED, () => "parsed"),
    "parsed",
  );
});

test("what cannot be written at a start counts in memory, and the folder is locked all the same", async (t) => {
  const dir = await folder(t);
  await writeFile(join(dir, "under-way"), JSON.stringify(["shop/f", "aa"]));
  // In the way of what is written.
  for (const name of ["crashes.json.tmp", "lock.pid"]) await mkdir(join(dir, name));
  assert.doesNotThrow(() => open(t, dir));
  const warnings: string[] = [];
  const lock = await lockData(dir, { ...silentLog, warn: (message) => void warnings.push(message) });
  assert(lock.ok);
  assert.deepEqual(warnings, []);
  assert.equal((await lockData(dir, silentLog)).ok, false);
  lock.value.release();
});
