import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { LANGUAGES, SHAPES } from "../../author/index.ts";
import { runWeir } from "../testing/weir.ts";
import { init } from "./init.ts";

let home: string;
let folder: string;
before(async () => {
  home = await mkdtemp(join(tmpdir(), "weir-init-"));
});
after(() => rm(home, { recursive: true }));
beforeEach(async () => {
  folder = join(await mkdtemp(join(home, "case-")), "my-filter");
});

const run = (args: readonly string[], answers?: readonly string[]) =>
  runWeir(home, ["init", folder, ...args], answers === undefined ? {} : { answers });
const made = async () => (await readFile(join(folder, "weir.yaml"), "utf8")).split("\n")[0];
const isEmpty = async () => assert.deepEqual(await readdir(join(folder, "..")), []);

describe("weir init", () => {
  test("its lists are those of the templates", () => {
    const choices = (name: string) => (init.flags[name] as { readonly choices: readonly string[] }).choices;
    assert.deepEqual([choices("language"), choices("shape")], [LANGUAGES, SHAPES]);
  });

  test("it asks for the language and the shape, by number or by name, and says what to run next", async () => {
    const { status, out, err } = await run([], ["6", "AUTH"]);
    assert.equal(status, 0, err);
    assert.match(err, /1 {2}assemblyscript .*\n.*6 {2}zig .*\nlanguage \[assemblyscript\]: .*\n?.*2 {2}auth .*\nshape \[headers\]: /s);
    assert.match(out, /my-filter: a filter in Zig that answers 401.*\nnext:\n {2}cd .*my-filter\n {2}weir test .*\n {2}weir dev /s);
    assert.equal(await made(), "language: zig");
  });

  test("nothing is asked about what is said", async () => {
    const { status, err } = await run(["--language", "c", "--shape", "headers"], ["7"]);
    assert.equal(status, 0);
    assert.doesNotMatch(err, /\[\w+\]: /);
    assert.equal(await made(), "language: c");
  });

  test("without a terminal the language must be said; the shape is headers", async () => {
    const { status, err } = await run([]);
    assert.equal(status, 2);
    assert.match(err, /error: --language is missing: assemblyscript, rust, go, c, cpp, zig; or take the defaults with --accept-defaults/);
    await isEmpty();
    assert.equal((await run(["--language", "zig"])).status, 0);
    assert.match(await readFile(join(folder, "README.md"), "utf8"), /x-hello/);
  });

  test("it says what the machine lacks, and how to get it", async () => {
    assert.match((await run(["--language", "zig"])).err, /note: my-filter is written in Zig: .*install Zig .*\n$/);
  });

  test("an answer that fits nothing is asked for again, and not for ever", async () => {
    const { err } = await run([], ["rustt", "9", "c", "1"]);
    assert.match(err, /"rustt" is none of them; did you mean rust\?\n.*"9" is none of them\n/s);
    assert.equal(await made(), "language: c");
    await rm(folder, { recursive: true });
    const given = await run([], ["x", "y", "z", "c"]);
    assert.equal(given.status, 1);
    assert.match(given.err, /error: no language was chosen; nothing was written\n$/);
    await isEmpty();
  });

  test("a shape that the language has not, a name that is none, and a folder that is not empty are refused", async () => {
    for (const [args, words] of [
      [
        ["--language", "c", "--shape", "callout"],
        /--shape callout is there in assemblyscript and rust, not in c, which has headers and auth/,
      ],
      [["--language", "java"], /--language is assemblyscript, rust, go, c, cpp or zig, not "java"/],
      [["--language", "c", "--name", "My Filter"], /--name "My Filter" cannot be the name of a filter/],
    ] as const) {
      const { status, err } = await run(args);
      assert.notEqual(status, 0);
      assert.match(err, words);
      await isEmpty();
    }
    await run(["--language", "c"]);
    assert.match((await run(["--language", "c"])).err, /is not empty: it holds \.github; choose a folder that is not there yet/);
  });
});
