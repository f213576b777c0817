import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createFakeClock } from "../../testing/fake-clock.ts";
import { filter } from "../../testing/test-folder.ts";
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
  const { changed, failure } = await scanner.scan();
  assert.equal(failure, undefined);
  const seen = Object.fromEntries(
    Array.from(changed, ([name, manifest]) => {
      const { objects = [], problems = [] } = manifest.ok ? manifest.value : {};
      return [name, manifest.ok ? objects.map((object) => object.name).join() || problems.join() : manifest.error.message];
    }),
  );
  const notFile = "not a file; write a file in its place, or take it away";
  const isRoot = process.getuid?.() === 0;
  assert.match(seen["nul.yaml"] ?? "", /valid metadata\.name|not YAML/);
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
