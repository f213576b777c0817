import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { packNpm, packSdk, SDK } from "./npm-package.ts";

/** The names in a tar: of each header's 512 bytes the first 100. */
function namesIn(tar: Buffer): string[] {
  const names: string[] = [];
  for (let at = 0; tar[at] !== 0; ) {
    names.push(tar.toString("utf8", at, at + 100).replace(/\0.*/s, ""));
    at += 512 + Math.ceil(Number.parseInt(tar.toString("latin1", at + 124, at + 135), 8) / 512) * 512;
  }
  return names;
}

test("a package is what its manifest names, in the same bytes wherever and whenever it is packed", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "weir-npm-package-"));
  t.after(() => rm(folder, { recursive: true }));
  const put = async (name: string) => {
    const source = join(folder, name);
    await mkdir(join(source, "src/deep"), { recursive: true });
    await writeFile(join(source, "package.json"), JSON.stringify({ name: "@own/thing", version: "1.2.3", files: ["src", "a.ts"] }));
    for (const file of ["README.md", "LICENSE", "a.ts", "src/b.ts", "src/deep/c.ts", "not.ts"]) await writeFile(join(source, file), file);
    await utimes(join(source, "a.ts"), new Date(0), new Date(0));
    return source;
  };
  const [one, two] = [await packNpm(await put("one"), join(folder, "new/1")), await packNpm(await put("two"), join(folder, "new/2"))];
  assert.deepEqual(await readFile(one.path), await readFile(two.path));
  assert.equal(one.integrity, two.integrity);
  assert.equal(basename(one.path), "own-thing-1.2.3.tgz");
  const files = ["LICENSE", "README.md", "a.ts", "package.json", "src/b.ts", "src/deep/c.ts"];
  assert.deepEqual(
    namesIn(gunzipSync(await readFile(one.path))),
    files.map((file) => `package/${file}`),
  );
  await rm(join(folder, "one/a.ts"));
  await assert.rejects(packNpm(join(folder, "one"), folder), /a\.ts/);
});

test("the AssemblyScript package is packed with its settings, its licence and no tests", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "weir-npm-package-"));
  t.after(() => rm(folder, { recursive: true }));
  const names = namesIn(gunzipSync(await readFile(await packSdk(folder))));
  for (const name of ["asconfig.json", "index.ts", "exports.ts", "LICENSE", "README.md", "assembly/index.ts"])
    assert.ok(names.includes(`package/${name}`), name);
  assert.deepEqual(
    names.filter((name) => /testing|node_modules|lock/.test(name)),
    [],
  );
  assert.match(await readFile(join(SDK, "LICENSE"), "utf8"), /Apache License/);
});
