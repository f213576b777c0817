import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

const root = new URL("../", import.meta.url);

interface Citation {
  readonly file: string;
  readonly name: string;
}

/** Citations are written as `file.test.ts`: *name*, *name*. A name may end where a template's placeholder begins. */
function citations(text: string): readonly Citation[] {
  return [...text.matchAll(/`([\w./-]+\.test\.ts)`: (\*[^*]+\*(?:, \*[^*]+\*)*)/g)].flatMap(([, file = "", names = ""]) =>
    [...names.matchAll(/\*([^*]+)\*/g)].map(([, name = ""]) => ({ file, name })),
  );
}

/** True when the source holds a test with this name, whole or up to a placeholder. */
function hasTest(source: string, name: string): boolean {
  const escaped = name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`\\b(?:test|rule)\\(\\s*["\`](?:\\$\\{\\w+\\} )?${escaped}(?:["\`]| \\(?\\$\\{)`).test(source);
}

test("every test that docs/consistency.md names exists, and every promise has one", async () => {
  const text = await readFile(new URL("docs/consistency.md", root), "utf8");
  const cited = citations(text);
  const files = text.match(/`[\w./-]+\.test\.ts`/g) ?? [];
  assert.equal(new Set(files).size, new Set(cited.map(({ file }) => file)).size, "a file is named without a test");
  for (const { file, name } of cited) {
    const source = await readFile(new URL(file, root), "utf8");
    assert.ok(hasTest(source, name), `${file} has no test "${name}"`);
  }
  const promises = text.slice(0, text.indexOf("## Across replicas")).split(/^\*\*/m).slice(1);
  assert.ok(promises.length >= 10);
  for (const promise of promises) assert.notEqual(citations(promise).length, 0, `no test for: ${promise.split("**")[0]}`);
});

test("a name that no test has is found out", () => {
  const source = `test("one thing", run);\n  test(\`\${N} proxies follow \${M} changes\`, run);\nrule("a rule of it", ways, run);`;
  for (const name of ["one thing", "proxies follow", "a rule of it"]) assert.ok(hasTest(source, name), name);
  for (const name of ["one", "thing", "a rule", "proxies"]) assert.ok(!hasTest(source, name), name);
});
