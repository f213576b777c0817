import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { kindOf, ROOT, testFiles } from "./files.ts";
import { readAllowedSkips, type Skip, skipProblems } from "./skips.ts";

const skip: Skip = { file: "test/a.test.ts", test: "as root", reason: "needs root" };

/** A test's name stands in its file as it is, or as a template with what differs in it. */
function hasTest(source: string, name: string): boolean {
  const templates = Array.from(source.matchAll(/`([^`\n]*\$\{[^`\n]*)`/g), ([, text = ""]) => text.split(/\$\{[^}]*\}/));
  return source.includes(`"${name}"`) || templates.some((parts) => new RegExp(`^${parts.map(RegExp.escape).join(".+")}$`).test(name));
}

describe("skipped tests", () => {
  test("with a reason are fine on a developer's machine, and fail in CI unless they are listed", () => {
    assert.deepEqual(skipProblems([skip], [], false), []);
    assert.deepEqual(skipProblems([skip], [skip], true), []);
    assert.deepEqual(skipProblems([skip], [{ ...skip, test: "another" }], true), [
      'test/a.test.ts: "as root" is skipped (needs root) and not in test/skips.json',
    ]);
  });

  test("without a reason fail everywhere, listed or not", () => {
    assert.deepEqual(skipProblems([{ ...skip, reason: "" }], [skip], false), ['test/a.test.ts: "as root" is skipped without a reason']);
  });

  test("that are listed exist", async () => {
    for (const { file, test: name } of await readAllowedSkips()) {
      assert.ok(hasTest(await readFile(join(ROOT, file), "utf8"), name), `${file} has no test "${name}"`);
    }
  });
});

/** Tests that say what they need by `needs…`: root, a node of Kubernetes. CI's runner has neither. */
function needingTests(source: string): string[] {
  return Array.from(source.matchAll(/\btest\(\s*"([^"\n]+)",\s*needs[A-Z]\w*,/g), ([, name = ""]) => name);
}

test("what needs root or a node is listed, so that a runner without them passes", async () => {
  const listed = new Set((await readAllowedSkips()).map(({ file, test: name }) => `${file}: ${name}`));
  const needing = await Promise.all(
    (await testFiles("e2e")).map(async (file) => needingTests(await readFile(join(ROOT, file), "utf8")).map((name) => `${file}: ${name}`)),
  );
  const names = needing.flat();
  assert.ok(names.length > 40, `${names.length} tests that need something were found`);
  assert.deepEqual(
    names.filter((name) => !listed.has(name)),
    [],
  );
});

test("a name that no test has is found out", () => {
  const source = `test("as it is", run);\n  test(\`\${language}: builds (\${mode})\`, run);`;
  for (const name of ["as it is", "rust: builds (quick)"]) assert.ok(hasTest(source, name), name);
  for (const name of ["as it", "rust: builds", "builds (quick)", ": builds ()"]) assert.ok(!hasTest(source, name), name);
});

describe("test files", () => {
  test("are unit tests beside what they test, or tests on real parts in test/, and none is both", async () => {
    const [unit, e2e] = [await testFiles("unit"), await testFiles("e2e")];
    assert.ok(unit.includes("scripts/tests/skips.test.ts") && e2e.includes("test/demo.test.ts"));
    assert.ok(unit.every((file) => kindOf(file) === "unit" && !file.includes("node_modules")));
    assert.ok(e2e.every((file) => kindOf(file) === "e2e"));
  });
});
