import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { type Image, writeImage } from "./oci.ts";
import { libraryPaths } from "./program.ts";
import { complete, file, folder, tarOf, writeTree } from "./tree.ts";

const tree = [file("b/program", "x", 0o755), folder("tmp", 0o1777), file("a", "1")];

const image: Image = {
  ...{ version: "1.2.3", title: "T", description: "D", entrypoint: ["/b/program"], env: { A: "b" }, workingDir: "/" },
  layers: [{ name: "all", entries: tree }],
};

describe("a tree", () => {
  test("has the folders above its files, before them, in one order", () => {
    assert.deepEqual(
      complete(tree).map(({ path }) => path),
      ["a", "b", "b/program", "tmp"],
    );
  });

  test("is the same archive whatever the order of its entries", async () => {
    assert.deepEqual(await tarOf(tree), await tarOf([...tree].reverse()));
  });

  test("is written with its modes, whatever the umask", async (t) => {
    const root = await mkdtemp(join(tmpdir(), "weir-tree-"));
    t.after(() => rm(root, { recursive: true }));
    await writeTree(tree, root);
    const modeOf = async (path: string) => (await stat(join(root, path))).mode & 0o7777;
    assert.deepEqual(await Promise.all(["tmp", "b", "b/program", "a"].map(modeOf)), [0o1777, 0o755, 0o755, 0o644]);
    assert.equal(await readFile(join(root, "a"), "utf8"), "1");
  });
});

describe("an image", () => {
  test("has the same digest each time, and another with another mode, name or content", async (t) => {
    const root = await mkdtemp(join(tmpdir(), "weir-image-"));
    t.after(() => rm(root, { recursive: true }));
    const digestWith = async (entries: Image["layers"][0]["entries"], compression: "zstd" | "gzip" = "zstd") =>
      (await writeImage({ ...image, layers: [{ name: "all", entries }] }, root, compression)).digest;
    const first = await digestWith(tree);
    assert.equal(await digestWith(tree), first);
    const others = [
      [...tree, folder("c")],
      [...tree, file("a", "2")],
      [...tree, file("a", "1", 0o600)],
    ];
    const digests = [first, await digestWith(tree, "gzip"), ...(await inTurn(others, digestWith))];
    assert.equal(new Set(digests).size, digests.length);
  });
});

async function inTurn<T, R>(list: readonly T[], each: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (const item of list) results.push(await each(item));
  return results;
}

describe("libraries of a program", () => {
  test("are read from what ldd prints", () => {
    const printed = `\tlinux-vdso.so.1 (0x00007f24)\n\tlibm.so.6 => /lib/x/libm.so.6 (0x00007f24)\n\t/lib64/ld-linux-x86-64.so.2 (0x00007f24)\n`;
    assert.deepEqual(libraryPaths(printed), [
      { path: "/lib/x/libm.so.6", isLoader: false },
      { path: "/lib64/ld-linux-x86-64.so.2", isLoader: true },
    ]);
  });

  test("that are missing are named", () => {
    assert.throws(() => libraryPaths("\tlibodd.so.1 => not found\n"), /libodd\.so\.1 is not on this machine/);
  });
});
