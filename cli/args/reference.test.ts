import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { SECTIONS } from "../commands/index.ts";
import { renderReference } from "./reference.ts";

describe("docs/cli.md", () => {
  test("it is what its generator writes now", () => {
    const text = readFileSync(new URL("../../docs/cli.md", import.meta.url), "utf8");
    assert.equal(text, renderReference(SECTIONS), "docs/cli.md is behind the commands: run `npm run generate`");
  });

  test("it names every command, argument and flag", () => {
    const text = renderReference(SECTIONS);
    for (const { name, flags, args } of SECTIONS.flatMap(({ commands }) => commands)) {
      const start = text.indexOf(`### weir ${name}\n`);
      assert.ok(start >= 0, name);
      const own = text.slice(start, text.indexOf("\n## ", start) < 0 ? undefined : text.indexOf("\n## ", start));
      for (const flag of Object.keys(flags)) assert.match(own, new RegExp(`--(no-)?${flag}\\b`), `${name} --${flag}`);
      for (const { value } of Object.values(args)) assert.ok(own.includes(value.replaceAll("|", "\\|")), `${name} ${value}`);
    }
  });
});
