import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { LANGUAGES } from "../project/language.ts";
import { readProject } from "../project/read.ts";
import { initProject } from "./init.ts";
import { checkName, nameOf } from "./name.ts";
import { lockLibraries, withLibraries } from "./npm-manifest.ts";
import { SHAPES, shapesOf } from "./shape.ts";
import { readTemplate } from "./template.ts";
import { checkFree, writeFolder } from "./write.ts";

const never = new AbortController().signal;

async function tempFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "weir-init-"));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

const templates = new URL("../../templates/", import.meta.url);
const foldersIn = async (path: string) =>
  (await readdir(new URL(path, templates), { withFileTypes: true })).filter((entry) => entry.isDirectory()).map(({ name }) => name);

describe("templates", () => {
  test("every language has a folder, and every shape that it says", async () => {
    assert.deepEqual((await foldersIn(".")).sort(), [...LANGUAGES, "common", "shapes"].sort());
    assert.deepEqual((await foldersIn("shapes")).sort(), [...SHAPES].sort());
    for (const language of LANGUAGES) assert.deepEqual((await foldersIn(language)).sort(), ["common", ...shapesOf(language)].sort());
  });

  for (const language of LANGUAGES) {
    test(`${language}: each is a project with tests, CI, a licence, and its name wherever it stands`, async () => {
      for (const shape of shapesOf(language)) {
        const files = await readTemplate(language, shape, "new-name");
        for (const path of ["README.md", "LICENSE", ".gitignore", ".github/workflows/ci.yml", "weir.yaml", `tests/${shape}.weir.yaml`])
          assert.ok((files.get(path) ?? "").length > 0, `${shape}: ${path}`);
        for (const [path, text] of files) assert.doesNotMatch(text, /my-filter/, path);
        assert.match(files.get("README.md") ?? "", /^# new-name\n/);
        assert.match(files.get("weir.yaml") ?? "", new RegExp(`^language: ${language}\nname: new-name\n`));
      }
    });
  }
});

describe("names", () => {
  test("a Go module has a path with a dot in it: `go` is no path, and `fmt` is the standard library's", async () => {
    for (const name of ["go", "fmt"])
      assert.match((await readTemplate("go", "headers", name)).get("go.mod") ?? "", new RegExp(`^module example.com/${name}\n`));
  });

  test("a folder's name is made fit", () => {
    for (const [folder, name] of [
      ["/a/my-filter", "my-filter"],
      ["/a/My Filter_2", "my-filter-2"],
      ["/a/2nd", "nd"],
      ["/a/über", "ber"],
      [`/a/${"x".repeat(80)}`, "x".repeat(63)],
    ] as const)
      assert.deepEqual(nameOf(folder), { ok: true, value: name });
    for (const folder of ["/", "/a/123", "/a/---", "/a/日本", "/a/test"]) assert.ok(!nameOf(folder).ok, folder);
  });

  test("a name that is given is taken as it is, or refused", () => {
    assert.ok(checkName("a-1").ok);
    for (const name of ["", "A", "1a", "a-", "a_b", "../a", "a\nb", "core", "x".repeat(64)]) assert.ok(!checkName(name).ok, name);
  });
});

describe("a new folder", () => {
  const contents = new Map([
    ["weir.yaml", "w"],
    ["src/deep/a", "a"],
  ]);

  test("it appears whole, where none was and where an empty one was", async (t) => {
    const folder = await tempFolder(t);
    for (const target of [join(folder, "new/deep"), join(folder, "empty")]) {
      if (target.endsWith("empty")) await mkdir(target);
      assert.ok((await writeFolder(target, contents, never)).ok);
      assert.deepEqual((await readdir(target)).sort(), ["src", "weir.yaml"]);
      assert.equal(await readFile(join(target, "src/deep/a"), "utf8"), "a");
    }
    assert.deepEqual((await readdir(folder)).sort(), ["empty", "new"]);
  });

  test("what is not empty or no folder is refused, and stays as it is", async (t) => {
    const folder = await tempFolder(t);
    await mkdir(join(folder, "full"));
    await writeFile(join(folder, "full/mine"), "mine");
    for (const [target, words] of [
      ["full", /is not empty: it holds mine/],
      ["full/mine", /is no folder/],
      ["full/mine/below", /is no folder/],
    ] as const) {
      for (const result of [await checkFree(join(folder, target)), await writeFolder(join(folder, target), contents, never)])
        assert.match(result.ok ? "" : result.error.message, words);
    }
    assert.deepEqual(await readdir(folder, { recursive: true }), ["full", "full/mine"]);
  });

  test("one that is stopped, or cannot be written, leaves nothing", async (t) => {
    const folder = await tempFolder(t);
    const stopped = await writeFolder(join(folder, "a"), contents, AbortSignal.abort());
    assert.equal(stopped.ok ? "" : stopped.error.reason, "Stopped");
    const bad = await writeFolder(join(folder, "b"), new Map([...contents, ["src/deep", "a file in the place of a folder"]]), never);
    assert.equal(bad.ok ? "" : bad.error.reason, "CannotWrite");
    const nowhere = await writeFolder("/proc/weir", contents, never);
    assert.match(nowhere.ok ? "" : nowhere.error.message, /^\/proc\/weir cannot be written: /);
    const below = await writeFolder("/proc/weir/new/filter", contents, never);
    assert.match(below.ok ? "" : below.error.message, /^\/proc\/weir\/new\/filter cannot be written: /);
    assert.deepEqual(await readdir(folder), []);
  });
});

test("a project in AssemblyScript brings its libraries, and its lockfile says so", () => {
  const library = {
    name: "@own/lib",
    version: "1.0.0",
    license: "MIT",
    file: "own-lib-1.0.0.tgz",
    integrity: "sha512-x",
    bytes: new Uint8Array(),
  };
  const manifest = withLibraries('{"name": "a", "devDependencies": {"b": "1"}}', [library]);
  assert.deepEqual(JSON.parse(manifest), { name: "a", devDependencies: { "@own/lib": "file:vendor/own-lib-1.0.0.tgz", b: "1" } });
  const lock = lockLibraries(
    '{"lockfileVersion": 3, "packages": {"": {"name": "a", "devDependencies": {"b": "1"}}, "node_modules/b": {}}}',
    [library],
  );
  const { packages } = JSON.parse(lock);
  assert.deepEqual(packages[""], JSON.parse(manifest));
  assert.deepEqual(Object.keys(packages), ["", "node_modules/@own/lib", "node_modules/b"]);
  assert.equal(packages["node_modules/@own/lib"].resolved, "file:vendor/own-lib-1.0.0.tgz");
});

test("what is made is a project", async (t) => {
  const folder = join(await tempFolder(t), "auth");
  assert.ok((await initProject({ folder, language: "zig", shape: "auth", name: "auth" }, never)).ok);
  const project = await readProject(folder);
  assert.ok(project.ok);
  assert.deepEqual([project.value.language, project.value.name], ["zig", "auth"]);
  assert.deepEqual(JSON.parse(project.value.config), { tokens: ["let-me-in", "let-me-in-too"] });
});
