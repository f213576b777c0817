import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import type { Loose } from "./other-envoy.ts";

/** Reads the code blocks of a page of `docs/connect/` by the word after the language: "```yaml envoyfilter". */
export async function createSnippets(page: string) {
  const text = await readFile(new URL(`../../docs/connect/${page}.md`, import.meta.url), "utf8");
  const blocks = new Map([...text.matchAll(/^```\w+ ([\w-]+)\n(.*?)^```$/gms)].map(([, name = "", body = ""]) => [name, body]));
  return {
    names: () => [...blocks.keys()],
    text(name: string): string {
      const block = blocks.get(name);
      if (block === undefined) throw new Error(`docs/connect/${page}.md has no block "${name}"`);
      return block;
    },
    yaml(name: string): Loose {
      return parse(this.text(name));
    },
  };
}
