import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { openYaml } from "../yaml/open.ts";
import { parseProject } from "./project.ts";
import { readProject } from "./read.ts";
import { findEntry, isSource, listSources } from "./sources.ts";

function parse(text: string) {
  const file = openYaml(text, "weir.yaml");
  return file.ok ? parseProject(file.value, "/project") : file;
}

function refusal(text: string): string {
  const parsed = parse(text);
  assert.ok(!parsed.ok, text);
  return parsed.error.message;
}

async function folderWith(t: TestContext, files: readonly string[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "weir-project-"));
  t.after(() => rm(folder, { recursive: true }));
  for (const file of files) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), "");
  }
  return folder;
}

test("language and name are enough", () => {
  const project = parse("language: go\nname: add-header\n");
  assert.deepEqual(project.ok && project.value, {
    folder: "/project",
    language: "go",
    name: "add-header",
    module: "/project/build/add-header.wasm",
    sources: ["**/*.go", "go.mod", "go.sum"],
    entry: undefined,
    optimize: undefined,
    keepNames: false,
    rootId: "",
    config: "",
    image: undefined,
    about: { texts: {}, keywords: [], readme: undefined, configSchema: undefined },
  });
});

test("every setting is read", () => {
  const text = `
language: zig
name: f
module: ./out/f.wasm
sources: [lib/*.zig]
entry: lib/f.zig
optimize: speed
keepNames: true
rootId: a
config: {limit: 9007199254740993}
image: r.example/f:1
description: Adds a header.
version: 1.2.0
source: https://git.example/f
licenses: Apache-2.0
keywords: [header, http]
readme: docs/README.md
configSchema: config.schema.json
`;
  const project = parse(text);
  assert.ok(project.ok);
  const { module, sources, entry, optimize, keepNames, rootId, config, image, about } = project.value;
  const texts = { description: "Adds a header.", version: "1.2.0", source: "https://git.example/f", licenses: "Apache-2.0" };
  assert.deepEqual(about, {
    texts,
    keywords: ["header", "http"],
    readme: "/project/docs/README.md",
    configSchema: "/project/config.schema.json",
  });
  assert.deepEqual(
    { module, sources, entry, optimize, keepNames, rootId, config, image },
    {
      ...{ module: "/project/out/f.wasm", sources: ["lib/*.zig"], entry: "/project/lib/f.zig", optimize: "speed", keepNames: true },
      ...{ rootId: "a", config: '{"limit":9007199254740993}', image: "r.example/f:1" },
    },
  );
  const plain = parse("language: c\nname: f\nconfig: |\n  hello\n");
  assert.equal(plain.ok && plain.value.config, "hello\n", "a text is given as it is");
});

test("what is wrong is told with its line, and what to write", () => {
  const start = "language: rust\nname: f\n";
  const cases: readonly (readonly [string, RegExp])[] = [
    ["", /^weir\.yaml:1: the file holds no settings/],
    ["- a\n", /the file holds no settings/],
    ["name: f\n", /^weir\.yaml:1: the file has no language; write one of assemblyscript, rust/],
    ["language: rust\n", /has no name/],
    ["name: f\nlanguage: rsut\n", /^weir\.yaml:2: language must be one of .*; did you mean rust$/],
    [`${start}languge: go\n`, /^weir\.yaml:3: languge is not known; did you mean language$/],
    ["language: go\nname: Add\n", /^weir\.yaml:2: name must be up to 63 of a-z/],
    [`language: go\nname: ${"a".repeat(64)}\n`, /name must be/],
    [`${start}module: ../f.wasm\n`, /^weir\.yaml:3: module must be a path inside the project$/],
    [`${start}module: /f.wasm\n`, /inside the project/],
    [`${start}module: a/../../f.wasm\n`, /inside the project/],
    [`${start}module: f.wat\n`, /module must end in \.wasm/],
    [`${start}module: "f\\0.wasm"\n`, /module must be a text of one line/],
    [`${start}module: 7\n`, /module must be a text/],
    [`${start}sources: src\n`, /^weir\.yaml:3: sources must be a list of 1 to 64 globs$/],
    [`${start}sources:\n  - src/*\n  - 7\n`, /^weir\.yaml:5: sources\[1\] must be a text/],
    [`${start}entry: src/lib.rs\n`, /entry is not for Rust/],
    [`${start}optimize: fast\n`, /optimize must be one of size, speed, none/],
    [`${start}keepNames: "yes"\n`, /keepNames must be true or false/],
    [`${start}rootId: [a]\n`, /rootId must be a text/],
    [`${start}version: 1.2\n`, /version must be a text/],
    [`${start}keywords: header\n`, /^weir\.yaml:3: keywords must be a list of 1 to 32 words$/],
    [`${start}keywords: [a b]\n`, /keywords\[0\] must be one word/],
    [`${start}configSchema: /etc/passwd\n`, /configSchema must be a path inside the project$/],
    [`${start}readme: ../README.md\n`, /readme must be a path inside the project$/],
    [`${start}image: ""\n`, /image must be a text/],
    [`${start}\u001b[2J: 1\n`, /\\u001b\[2J is not known/],
  ];
  for (const [text, message] of cases) assert.match(refusal(text), message);
});

test("a folder without the file names weir init, and one that is too large is not read", async (t) => {
  const folder = await folderWith(t, []);
  const none = await readProject(folder);
  assert.match(none.ok ? "" : none.error.message, /there is no .*weir\.yaml; start a project with weir init/);
  await writeFile(join(folder, "weir.yaml"), `language: go\nname: f\nconfig: ${"x".repeat(1 << 20)}`);
  const large = await readProject(folder);
  assert.match(large.ok ? "" : large.error.message, /^weir\.yaml has more than 1048576 bytes/);
  await rm(join(folder, "weir.yaml"));
  await mkdir(join(folder, "weir.yaml"));
  const odd = await readProject(folder);
  assert.match(odd.ok ? "" : odd.error.message, /^weir\.yaml is a folder/);
});

test("sources are found by glob, without what compilers and package managers fill", async (t) => {
  const folder = await folderWith(t, ["main.go", "lib/a.go", "target/b.go", "vendor/c.go", "lib/node_modules/d.go", "go.mod", "README.md"]);
  await symlink("..", join(folder, "lib/up"));
  const project = { folder, sources: ["**/*.go", "go.mod", "go.sum"] };
  const listed = await listSources(project);
  assert.deepEqual(listed.ok && listed.value, ["go.mod", "lib/a.go", "main.go"]);
  assert.deepEqual(
    ["lib/a.go", "go.mod", "README.md", "target/b.go"].map((path) => isSource(project, path)),
    [true, true, false, false],
  );
});

test("the file to compile is the one of the settings, or the first that is there", async (t) => {
  const folder = await folderWith(t, ["assembly/index.ts", "own/f.ts"]);
  const find = (entry: string | undefined) => findEntry({ folder, language: "assemblyscript", entry });
  assert.deepEqual(await find(undefined), { ok: true, value: join(folder, "assembly/index.ts") });
  assert.deepEqual(await find(join(folder, "own/f.ts")), { ok: true, value: join(folder, "own/f.ts") });
  const gone = await find(join(folder, "own/g.ts"));
  assert.match(gone.ok ? "" : gone.error.message, /the project has no own\/g\.ts, which AssemblyScript compiles/);
});
