import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFile, mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { createTempFolder } from "./support/temp-folder.ts";

const BIN = fileURLToPath(new URL("../bin/weir", import.meta.url));

let folder: { readonly path: string; remove(): Promise<void> };

before(async () => {
  folder = await createTempFolder("program");
});

after(() => folder?.remove());

describe("the program", () => {
  test("bin/weir gives the same statuses to a shell", () => {
    const run = (...argv: string[]) => {
      const { status, stdout, stderr } = spawnSync(BIN, argv, { encoding: "utf8", env: { PATH: process.env.PATH, HOME: folder.path } });
      return { status, stdout, stderr };
    };
    const version = run("version");
    assert.equal(version.status, 0);
    assert.match(version.stdout, /^weir \d+\.\d+\.\d+ \(Node \d+/);
    assert.equal(run("get").status, 1);
    const wrong = run("nonsense");
    assert.equal(wrong.status, 2);
    assert.match(wrong.stderr, /unknown command "nonsense"/);
    assert.equal(wrong.stdout, "");
  });

  test("a PATH of Node alone is enough, through links too; a copy elsewhere says what is wrong", async () => {
    const at = (name: string) => join(folder.path, name);
    await mkdir(at("node-only"));
    await mkdir(at("links"));
    await symlink(process.execPath, at("node-only/node"));
    await symlink(BIN, at("links/absolute"));
    await symlink("absolute", at("links/relative"));
    await copyFile(BIN, at("links/copy"));
    const run = (path: string, PATH: string) => spawnSync(path, ["version"], { encoding: "utf8", env: { PATH, HOME: folder.path } });
    for (const path of [BIN, at("links/absolute"), at("links/relative")]) {
      const { status, stdout, stderr } = run(path, at("node-only"));
      assert.equal(status, 0, stderr);
      assert.match(stdout, /^weir \d/);
    }
    const copy = run(at("links/copy"), at("node-only"));
    assert.deepEqual(
      [copy.status, copy.stderr],
      [1, `error: weir is not at ${folder.path}, where its own file says it is; install it again\n`],
    );
    const none = run(at("links/relative"), at("links"));
    assert.equal(none.status, 1);
    assert.match(none.stderr, /^error: .*relative is a link, and neither readlink nor node is on the PATH/);
  });

  test("a reader that leaves early ends nothing badly", () => {
    const script = `"$0" --help | head -1; echo "\${PIPESTATUS[0]}"; "$0" nonsense 2>&1 >/dev/null | head -1; echo "\${PIPESTATUS[0]}"`;
    const { stdout, stderr } = spawnSync("bash", ["-c", script, BIN], {
      encoding: "utf8",
      env: { PATH: process.env.PATH, HOME: folder.path },
    });
    assert.match(stdout, /^weir puts .*\n0\nerror: unknown command "nonsense"\n2\n$/);
    assert.equal(stderr, "");
  });
});
