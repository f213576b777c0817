import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { parseCases } from "../author/cases/read/file.ts";
import { createSandbox, describeFailure, runCase } from "../author/index.ts";
import { SDK } from "../scripts/build/npm-package.ts";
import { buildWithSdk } from "../scripts/examples/assemblyscript.ts";

/** A page for each piece of the AssemblyScript package: a filter, and cases that say what it does. */
const PAGES = fileURLToPath(new URL("../docs/authors/assemblyscript/", import.meta.url));
const names = (await readdir(PAGES)).map((file) => file.replace(/\.md$/, ""));
const texts = new Map(await Promise.all(names.map(async (name) => [name, await readFile(`${PAGES}${name}.md`, "utf8")] as const)));

const snippet = (name: string, kind: string) => snippetOf(texts.get(name) ?? "", kind, `${name}.md`);

/** The one snippet of this kind. */
function snippetOf(text: string, kind: string, name: string): string {
  const found = [...text.matchAll(new RegExp(`^\`\`\`${kind}\\n([^]*?)^\`\`\`$`, "gm"))];
  assert.equal(found.length, 1, `${name} has one snippet of kind ${kind}`);
  return found[0]?.[1] ?? "";
}

/** Texts of many lengths, most of which the compiler's own function has to make more room for. With it one of them begins with NUL bytes. */
const URI = `import { Action, registerStream, StreamContext } from "@weir-dev/assemblyscript";
class Stream extends StreamContext {
  onRequestHeaders(count: u32, endOfStream: bool): Action {
    let broken = 0;
    for (let i = 0; i < 3000; i++) {
      let text = "";
      for (let k = 0; k < i % 60; k++) text += "a\u00e9 \u20ac\u{1f600}/";
      broken += i32(encodeURIComponent(text) != expected(i % 60) || decodeURI(encodeURI(text)) != text);
    }
    this.requestHeaders.set("x-broken", broken.toString() + " of 3000");
    return Action.Continue;
  }
}
function expected(count: i32): string {
  let text = "";
  for (let k = 0; k < count; k++) text += "a%C3%A9%20%E2%82%AC%F0%9F%98%80%2F";
  return text;
}
registerStream(() => new Stream());
`;

describe("pages of the AssemblyScript package", { timeout: 180_000 }, async () => {
  const built = buildWithSdk(Object.fromEntries(names.map((name) => [name, snippet(name, "ts filter")])));
  built.catch(() => {});
  for (const name of names)
    test(`${name}: the filter does what the page says`, async () => {
      const sandbox = createSandbox(await readFile((await built)[name] ?? ""));
      assert.ok(sandbox.ok);
      const file = parseCases(snippet(name, "yaml cases"), `${name}.md`);
      assert.ok(file.ok, file.ok ? "" : file.error.message);
      for (const one of file.value.cases) {
        const result = await runCase(one, sandbox.value);
        const why = result.failure === undefined ? (result.reason ?? "") : describeFailure(result, result.failure).join("\n");
        assert.equal(result.outcome, "passed", `${one.name}\n${why}`);
      }
    });

  test("the package's README: its filter adds the header", async () => {
    const { README } = await buildWithSdk({ README: snippetOf(await readFile(`${SDK}/README.md`, "utf8"), "ts", "README.md") });
    const sandbox = createSandbox(await readFile(README));
    const file = parseCases("cases: [{name: hello, expect: {response: {headers: {x-hello: world}}}}]", "README");
    assert.ok(sandbox.ok && file.ok);
    for (const one of file.value.cases) assert.equal((await runCase(one, sandbox.value)).outcome, "passed");
  });

  test("encodeURIComponent gives whole text, whatever the collector does meanwhile", async () => {
    const { uri } = await buildWithSdk({ uri: URI });
    const sandbox = createSandbox(await readFile(uri));
    const file = parseCases("cases: [{name: many, expect: {upstream: {headers: {x-broken: '0 of 3000'}}}}]", "uri");
    assert.ok(sandbox.ok && file.ok);
    for (const one of file.value.cases) {
      const result = await runCase(one, sandbox.value);
      assert.equal(result.outcome, "passed", JSON.stringify(result.failure?.mismatches));
    }
  });

  test("the overview leads to each of them", async () => {
    const overview = await readFile(fileURLToPath(new URL("../docs/authors/assemblyscript.md", import.meta.url)), "utf8");
    for (const name of names) assert.ok(overview.includes(`](assemblyscript/${name}.md)`), name);
  });
});
