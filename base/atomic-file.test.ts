import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { createDraftFile, writeFileAtomically } from "./atomic-file.ts";

describe("writeFileAtomically", () => {
  test("makes the folder, replaces what was there and leaves nothing else", async (t) => {
    const root = await mkdtemp(join(tmpdir(), "weir-atomic-"));
    t.after(() => rm(root, { recursive: true }));
    const folder = join(root, "a", "b");
    await writeFileAtomically(join(folder, "file"), "old");
    await writeFileAtomically(join(folder, "file"), Buffer.from("new"));
    assert.equal(await readFile(join(folder, "file"), "utf8"), "new");
    assert.deepEqual(await readdir(folder), ["file"]);
  });

  test("gives a new file the mode asked for", async (t) => {
    const root = await mkdtemp(join(tmpdir(), "weir-atomic-"));
    t.after(() => rm(root, { recursive: true }));
    await writeFileAtomically(join(root, "secret"), "x", { mode: 0o600 });
    assert.equal((await stat(join(root, "secret"))).mode & 0o777, 0o600);
  });

  test("takes the longest name that a file can have", async (t) => {
    const root = await mkdtemp(join(tmpdir(), "weir-atomic-"));
    t.after(() => rm(root, { recursive: true }));
    const name = `${"n".repeat(250)}.yaml`;
    await writeFileAtomically(join(root, name), "x");
    assert.deepEqual(await readdir(root), [name]);
  });

  test("leaves no temporary file when it fails", async (t) => {
    const root = await mkdtemp(join(tmpdir(), "weir-atomic-"));
    t.after(() => rm(root, { recursive: true }));
    await mkdir(join(root, "taken"));
    await writeFile(join(root, "taken", "x"), "");
    await assert.rejects(writeFileAtomically(join(root, "taken"), "x"));
    assert.deepEqual(await readdir(root), ["taken"]);
  });
});

describe("a draft", () => {
  test("that is discarded while it is being placed is placed, and while it is being written leaves nothing", async (t) => {
    const root = await mkdtemp(join(tmpdir(), "weir-atomic-"));
    t.after(() => rm(root, { recursive: true }));
    for (let i = 0; i < 20; i++) {
      const placed = createDraftFile(root);
      await placed.write("whole");
      await Promise.all([placed.place(join(root, "file")), placed.discard()]);
      assert.deepEqual([await readdir(root), await readFile(join(root, "file"), "utf8")], [["file"], "whole"]);
      const unwanted = createDraftFile(root);
      await Promise.all([unwanted.write("half"), unwanted.discard()]);
      assert.deepEqual(await readdir(root), ["file"]);
    }
  });

  test("that could not be written can be written again, and discarded", async (t) => {
    const root = await mkdtemp(join(tmpdir(), "weir-atomic-"));
    t.after(() => rm(root, { recursive: true }));
    const draft = createDraftFile(root);
    async function* breaking() {
      yield Buffer.from("half");
      throw new Error("broken");
    }
    await assert.rejects(draft.write(breaking()), /broken/);
    await draft.write("whole");
    await draft.place(join(root, "file"));
    await draft.discard();
    assert.equal(await readFile(join(root, "file"), "utf8"), "whole");
  });
});
