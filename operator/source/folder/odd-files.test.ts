import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { chmod, mkdir, mkdtemp, rename, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createFakeClock } from "../../../model/testing/fake-clock.ts";
import { filter, image, openTestFolder, until } from "../../testing/test-folder.ts";
import { MAX_FILES } from "./files.ts";
import { createScanner } from "./scanner.ts";

test("what is no manifest file is named with the reason, and the files beside it count", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "weir-odd-"));
  t.after(() => rm(dir, { recursive: true }));
  const at = (name: string) => join(dir, name);
  await writeFile(at("good.yaml"), filter("good"));
  await writeFile(at("crlf.yaml"), filter("crlf").replaceAll("\n", "\r\n"));
  await writeFile(at("bom.yaml"), `\ufeff${filter("bom")}`);
  await writeFile(at("new\nline\u001b[2K.yaml"), filter("named"));
  await writeFile(join(dir, "..", "weir-odd-outside.txt"), filter("outside"));
  t.after(() => rm(join(dir, "..", "weir-odd-outside.txt")));
  await symlink(join(dir, "..", "weir-odd-outside.txt"), at("outside.yaml"));
  await symlink(at("nowhere"), at("dangling.yaml"));
  assert.equal(spawnSync("mkfifo", [at("pipe.yaml")]).status, 0);
  const socket = createServer().listen(at("socket.yaml"));
  t.after(() => socket.close());
  await symlink("/dev/zero", at("device.yaml"));
  await mkdir(at("folder.yaml"));
  await symlink(at("loop.yaml"), at("loop.yaml"));
  await writeFile(at("huge.yaml"), "");
  await truncate(at("huge.yaml"), 10 * 1024 ** 3);
  await writeFile(at("bytes.yaml"), Buffer.of(0xff, 0xfe, 0x61));
  await writeFile(at("nul.yaml"), filter("nul").replace("nul", "n\0l"));
  await writeFile(at("secret.yaml"), filter("secret"));
  await chmod(at("secret.yaml"), 0);
  const scanner = createScanner({ dir, known: [], clock: createFakeClock(), quietMs: 10, settleMs: 100 });
  const { changed, problem } = await scanner.scan();
  assert.equal(problem, undefined);
  const seen = Object.fromEntries(
    Array.from(changed, ([name, manifest]) => {
      const { objects = [], problems = [] } = manifest.ok ? manifest.value : {};
      return [name, manifest.ok ? objects.map((object) => object.name).join() || problems.join() : manifest.error.message];
    }),
  );
  const notFile = "not a file; write a file in its place, or take it away";
  const isRoot = process.getuid?.() === 0;
  assert.match(seen["nul.yaml"] ?? "", /valid metadata\.name|not YAML|control characters/);
  delete seen["nul.yaml"];
  assert.deepEqual(seen, {
    "good.yaml": "good",
    "crlf.yaml": "crlf",
    "bom.yaml": "bom",
    "new\nline\u001b[2K.yaml": "named",
    "outside.yaml": "outside",
    "pipe.yaml": notFile,
    "socket.yaml": notFile,
    "device.yaml": notFile,
    "folder.yaml": notFile,
    "loop.yaml": "cannot be read (ELOOP)",
    "huge.yaml": "larger than 8388608 bytes; split it",
    "bytes.yaml": "not UTF-8 text",
    "secret.yaml": isRoot ? "secret" : "cannot be read (EACCES)",
  });
});

test("of more files than are read one word is said, and those that were read before stay in force", async (t) => {
  assert.equal(MAX_FILES, 10_000, "where nothing else is said");
  const dir = await mkdtemp(join(tmpdir(), "weir-odd-"));
  t.after(() => rm(dir, { recursive: true }));
  const maxFiles = 1_000;
  for (let at = 0; at < maxFiles; at++) writeFileSync(join(dir, `${String(at).padStart(5, "0")}.yaml`), "");
  for (const name of ["z.yaml", "zz.yaml"]) writeFileSync(join(dir, name), filter("z"));
  const says = "the folder has more than 1,000 manifests; the last 2 by name, from z.yaml on, are not read; put several objects in a file";
  const clock = createFakeClock();
  const scanner = createScanner({ dir, known: ["z.yaml", "gone.yaml"], clock, quietMs: 10, settleMs: 100, maxFiles });
  const first = await scanner.scan();
  assert.deepEqual([first.problem, first.changed.size], [says, maxFiles]);
  await clock.advance(200);
  assert.deepEqual((await scanner.scan()).removed, ["gone.yaml"], "z.yaml was pushed out, not removed");
  for (const name of ["00000.yaml", "00001.yaml"]) rmSync(join(dir, name));
  await scanner.scan();
  await clock.advance(200);
  const { problem, changed } = await scanner.scan();
  assert.deepEqual([problem, [...changed.keys()]], [undefined, ["z.yaml", "zz.yaml"]]);
});

test("a folder that is deleted keeps what it held, and counts again when it is made again or another is renamed over it", async (t) => {
  const { source, dir, write, problems } = await openTestFolder(t, { "a.yaml": filter("a") });
  await rm(dir, { recursive: true });
  await until(() => problems.has(dir), "the word");
  assert.equal(problems.get(dir), "the folder does not exist; create it");
  assert.equal(source.isFollowed(), false);
  assert.equal(image(source), "a/b:1");
  await mkdir(dir);
  await write("a.yaml", filter("a", "a/b:2"));
  await until(() => image(source) === "a/b:2", "the folder that was made again");
  assert.equal(problems.size, 0);
  assert.equal(source.isFollowed(), true);
  const next = `${dir}-next`;
  await mkdir(next);
  await writeFile(join(next, "a.yaml"), filter("a", "a/b:3"));
  await rename(dir, `${dir}-old`);
  await rename(next, dir);
  await until(() => image(source) === "a/b:3", "the folder that was renamed over it");
  await write("a.yaml", filter("a", "a/b:4"));
  await until(() => image(source) === "a/b:4", "a later change");
  assert.equal(source.filters().get("default/a")?.metadata.generation, 4);
});

test("a file that is deleted as it is read is gone, with no word about it, and the others count", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "weir-odd-"));
  t.after(() => rm(dir, { recursive: true }));
  const clock = createFakeClock();
  const scanner = createScanner({ dir, known: [], clock, quietMs: 10, settleMs: 100 });
  await scanner.scan();
  for (const name of ["bad", "good"]) await writeFile(join(dir, `${name}.yaml`), filter(name));
  await scanner.scan();
  await clock.advance(200);
  // The clock is asked when a file was seen, and not yet read.
  const { now } = clock;
  clock.now = () => {
    rmSync(join(dir, "bad.yaml"), { force: true });
    return now();
  };
  const { changed, removed, problem } = await scanner.scan();
  assert.deepEqual([[...changed.keys()], removed, problem], [["good.yaml"], [], undefined]);
  await clock.advance(200);
  const later = await scanner.scan();
  assert.deepEqual([later.changed.size, later.removed, later.again], [0, [], undefined]);
});
