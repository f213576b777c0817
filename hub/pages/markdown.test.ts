import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { markdown } from "./markdown.ts";

async function print(text: string): Promise<string> {
  return String(await markdown(text, 2));
}

describe("Markdown of strangers", () => {
  test("what people write is what they see", async () => {
    const text =
      "# Title\n\nSome *words* and `code`, [a link](https://example.org/a?b=1&c=2).\n\n3. three\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```js\nx < y\n```\n";
    const shown = await print(text);
    assert.match(shown, /<h3>Title<\/h3>/);
    assert.match(shown, /<em>words<\/em> and <code>code<\/code>/);
    assert.match(shown, /<a href="https:\/\/example\.org\/a\?b=1&amp;c=2" rel="nofollow noopener noreferrer">a link<\/a>/);
    assert.match(shown, /<ol start="3">/);
    assert.match(shown, /<td>1<\/td>/);
    assert.match(shown, /<pre><code>x &lt; y\n<\/code><\/pre>/);
  });

  test("HTML is text, and links lead nowhere that runs or loads something", async () => {
    const texts = [
      "<script>x</script>",
      "a <b onclick=x>b</b>",
      "<img src=x onerror=y>",
      "[a](javascript:x)",
      "[a](JaVaScRiPt:x)",
      "[a](data:text/html,x)",
      "[a](vbscript:x)",
      "[a]( javascript&colon;x)",
      "![a](javascript:x)",
      "<javascript:x>",
      '[a](https://example.org/"onclick="x)',
      "`<script>`",
      "    <script>",
      "&lt;script&gt;",
      '| <script> | "x" |\n|-|-|\n',
      "# <script>",
    ];
    for (const text of texts) {
      const shown = await print(text);
      const tags = [...shown.matchAll(/<\/?([a-z0-9]+)([^>]*)>/g)];
      assert.equal(shown.replace(/<\/?[a-z0-9]+[^>]*>/g, "").match(/[<>]/), null, shown);
      for (const [, name = "", attributes = ""] of tags) {
        assert.match(name, /^(p|a|code|pre|h[3-6]|table|thead|tbody|tr|td)$/, shown);
        assert.match(attributes, name === "a" ? /^( href="https?:[^"]*" rel="nofollow noopener noreferrer")?$/ : /^$/, shown);
      }
    }
  });

  test("headings leave no level out, and a picture in a link is its words", async () => {
    assert.equal((await print("###### a\n\n# b\n\n## c")).replaceAll("\n", ""), "<h3>a</h3><h3>b</h3><h4>c</h4>");
    const shown = await print("[![badge](https://example.org/b.svg)](https://example.org)");
    assert.equal(shown.match(/<a /g)?.length, 1);
    assert.match(shown, />badge<\/a>/);
  });

  test("what is made to take long does not hold up the process", async () => {
    const hostile = ["[", "_a", "*a_ ", "a**b", "> ", "![", "&", "\\", "<a ", "`a", "- "].map((unit) =>
      unit.repeat(Math.floor((32 << 10) / unit.length)),
    );
    hostile.push(
      Array.from({ length: 250 }, (_, index) => `${" ".repeat(index)}- a`).join("\n"),
      `|a|b|\n|-|-|\n${"|x|y|\n".repeat(5_000)}`,
    );
    for (const text of hostile) {
      const began = performance.now();
      await print(text);
      assert.ok(performance.now() - began < 5_000, text.slice(0, 20));
    }
  });
});
