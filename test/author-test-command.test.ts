import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { script } from "../preflight/testing/script.ts";
import { wasm } from "../preflight/testing/wat.ts";
import { run } from "../scripts/tools/run.ts";
import { createTempFolder } from "./support/temp-folder.ts";

const WEIR = fileURLToPath(new URL("../bin/weir", import.meta.url));

/** The commands of the page, in a project of a person. */
test("weir test in a project: cases and TypeScript, named files, a module that is built already, reports", async (t) => {
  const folder = await createTempFolder("author-test");
  t.after(() => folder.remove());
  const at = (...names: string[]) => join(folder.path, ...names);
  const weir = (...words: string[]) => run(WEIR, words, { cwd: folder.path });
  await mkdir(at("build"));
  await mkdir(at("tests"));
  await writeFile(at("weir.yaml"), "language: c\nname: hello\nconfig: {a: 1}\n");
  const module = await wasm(script({ proxy_on_response_headers: { steps: [["proxy_add_header_map_value", 2, "x-hello", "world"]] } }));
  await writeFile(at("build/hello.wasm"), module);
  await writeFile(at("hello.wasm"), module);

  const inProject = (...words: string[]) => weir("test", "--module", "build/hello.wasm", ...words);
  const empty = await inProject();
  assert.deepEqual(
    [empty.code, empty.stderr],
    [1, "error: there are no tests in tests; write one as tests/NAME.weir.yaml or tests/NAME.test.ts\n"],
  );

  const cases = "cases:\n  - name: it greets\n    expect: {response: {headers: {x-hello: world}}}\n";
  await writeFile(at("tests/hello.weir.yaml"), cases);
  await writeFile(at("hello.weir.yaml"), cases);
  await writeFile(
    at("tests/hello.test.ts"),
    'import { test } from "node:test";\nimport assert from "node:assert/strict";\ntest("typed", () => assert.equal(process.env.WEIR_MODULE?.endsWith("hello.wasm") as boolean, true));\ntest("wrong", () => assert.equal(1, 2));\n',
  );
  const all = await inProject();
  assert.equal(all.code, 1);
  assert.match(
    all.stdout,
    /^tests\/hello\.weir\.yaml\n {2}ok {3}it greets\n\ntests\/hello\.test\.ts\n {2}ok {3}typed.*\n {2}FAIL wrong.*\n[\s\S]*AssertionError[\s\S]*2 passed, 1 failed\n$/,
  );

  const named = await inProject("tests/hello.weir.yaml");
  assert.deepEqual([named.code, named.stdout], [0, "tests/hello.weir.yaml\n  ok   it greets\n\n1 passed\n"]);
  const built = await weir("test", "hello.weir.yaml", "--module", "hello.wasm", "--strict", "--reporter", "tap", "--junit", "results.xml");
  assert.equal(built.code, 0, built.stderr);
  assert.match(built.stdout, /^TAP version 14\n1\.\.1\nok 1 - it greets \(hello\.weir\.yaml:2\)\n/);
  assert.match(await readFile(at("results.xml"), "utf8"), /<testsuites tests="1" failures="0"/);
  const parse = "import sys, xml.dom.minidom as dom; print(len(dom.parse(sys.argv[1]).getElementsByTagName('testcase')))";
  assert.equal((await run("python3", ["-c", parse, at("results.xml")])).stdout, "1\n", "it is XML");
  const told = JSON.parse((await weir("test", "hello.weir.yaml", "-m", "hello.wasm", "-o", "json")).stdout) as {
    results: { name: string }[];
  };
  assert.equal(told.results[0]?.name, "it greets");

  const { ns, calls } = JSON.parse((await weir("bench", "hello.weir.yaml", "--module", "hello.wasm", "-o", "json")).stdout) as {
    ns: number;
    calls: { name: string; count: number }[];
  };
  assert.ok(ns > 0 && ns < 1e6, String(ns));
  // What the script logs of each call is a call too.
  assert.deepEqual(calls, [
    { name: "proxy_add_header_map_value", count: 1 },
    { name: "proxy_log", count: 1 },
  ]);

  await writeFile(at("tests/typo.weir.yaml"), "cases:\n  - name: x\n    expect: {respnse: {}}\n");
  const typo = await inProject();
  assert.deepEqual(
    [typo.code, typo.stderr],
    [1, "error: tests/typo.weir.yaml:3: cases[0].expect.respnse is not known; did you mean response\n"],
  );
  assert.match((await inProject("weir.yaml")).stderr, /weir\.yaml is no test; cases are in NAME\.weir\.yaml/);
});
