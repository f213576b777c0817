import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import type { Loose } from "./other-envoy.ts";

/** Reads the code blocks of a page below `docs/` by the word after the language: "```yaml envoyfilter". Of several with one name, the last. */
export async function createSnippets(page: string) {
  const text = await readFile(new URL(`../../docs/${page}.md`, import.meta.url), "utf8");
  const blocks = new Map([...text.matchAll(/^```\w+ ([\w-]+)\n(.*?)^```$/gms)].map(([, name = "", body = ""]) => [name, body]));
  return {
    names: () => [...blocks.keys()],
    text(name: string): string {
      const block = blocks.get(name);
      if (block === undefined) throw new Error(`docs/${page}.md has no block "${name}"`);
      return block;
    },
    yaml(name: string): Loose {
      return parse(this.text(name));
    },
    /** The YAML that has no name. */
    unnamed: (): string[] => Array.from(text.matchAll(/^```yaml\n(.*?)^```$/gms), ([, body = ""]) => body),
  };
}
