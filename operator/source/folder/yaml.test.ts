import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, test } from "node:test";
import { startCpuTime } from "../../../base/cpu-time.ts";
import { readManifestInTurns } from "./manifest.ts";

const HEAD = "apiVersion: weir.dev/v1alpha1\nkind: WasmFilter\nmetadata: {name: bomb, namespace: b}\nspec:\n  image: r.example/x:1\n";
const many = (count: number, part: (index: number) => string, between = ""): string =>
  Array.from({ length: count }, (_, i) => part(i)).join(between);
const maps = (size: number, merges: number) =>
  `${HEAD}  config:\n    a: &a {${many(size, (i) => `k${i}: 1`, ", ")}}\n${many(merges, (i) => `    b${i}: {<<: *a}\n`)}`;

/** What became of a text, and the longest turn of the event loop meanwhile, in milliseconds of CPU. */
async function read(text: string) {
  let longest = 0;
  let taken = startCpuTime();
  let goesOn = true;
  const turn = () => {
    longest = Math.max(longest, taken());
    taken = startCpuTime();
    if (goesOn) setImmediate(turn);
  };
  setImmediate(turn);
  const manifest = await readManifestInTurns(text, "yaml");
  await new Promise((resolve) => setImmediate(resolve));
  goesOn = false;
  const { objects = [], problems = [] } = manifest.ok ? manifest.value : {};
  return { longest, objects, said: manifest.ok ? problems.join() : manifest.error.message };
}

describe("a YAML text made to cost time", () => {
  const beyond = {
    "300,000 fields": [`${HEAD}${many(300_000, (i) => `  u${i}: 1\n`)}`, /^line 1: .*more than 100,000 tokens .*; split it/],
    "a long list": [`${HEAD}  config: [${many(60_000, () => "1", ", ")}]\n`, /more than 100,000 tokens/],
    "2,000,000 empty lines": [HEAD + "\n".repeat(2_000_000), /more than 100,000 tokens/],
    comments: [HEAD + "#\n".repeat(200_000), /more than 100,000 tokens/],
    "texts that look like a document's start": [`${HEAD}  config: [${many(60_000, () => "---", ", ")}]\n`, /tokens|not YAML/],
    "aliases of one anchor": [
      `${HEAD}  config:\n    a: &a 1\n    b: [${many(20_000, () => "*a", ", ")}]\n`,
      /more than 1,000 anchors and aliases/,
    ],
    "an anchor each": [`${HEAD}  config: [${many(9_000, (i) => `&a${i} 1, *a${i}`, ", ")}]\n`, /more than 1,000 anchors and aliases/],
    "merges of a large map": [maps(9_000, 90), /copy more than 100,000 names/],
    "a long text in quotes": [`${HEAD}  config: "${"x".repeat(7_000_000)}"\n`, /more than 2,097,152 characters in quotes/],
    brackets: [`${HEAD}  config: ${"[".repeat(90_000)}`, /nested too deeply/],
    "aliases of aliases": [
      `${HEAD}  config:\n    a: &a [1]\n${many(8, (i) => `    ${"bcdefghi"[i]}: &${"bcdefghi"[i]} [${many(9, () => `*${"abcdefgh"[i]}`, ",")}]\n`)}`,
      /too many aliases/,
    ],
  } as const;
  for (const [what, [text, says]] of Object.entries(beyond)) {
    test(`is refused: ${what}`, async (t) => {
      const { longest, objects, said } = await read(text);
      assert.match(said, says);
      assert.deepEqual(objects, []);
      t.diagnostic(`${(text.length / 1024).toFixed(0)} KiB, ${longest.toFixed(0)} ms of CPU in one turn at most`);
      assert.ok(longest < 1_000, `${longest} ms`);
    });
  }

  test("is read in turns, as far as it is within the bounds", async (t) => {
    const small = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\n";
    for (const [text, count] of [
      [`${HEAD}${many(12_000, (i) => `  u${i}: 1\n`)}`, 1],
      [small.repeat(5_000), 5_000],
      [maps(100, 40), 1],
    ] as const) {
      const { longest, objects, said } = await read(text);
      assert.equal(said, "");
      assert.equal(objects.length, count);
      t.diagnostic(`${(text.length / 1024).toFixed(0)} KiB, ${longest.toFixed(0)} ms of CPU in one turn at most`);
      assert.ok(longest < 1_000, `${longest} ms`);
    }
  });
});

test("a name that a map has twice is refused with its place; merges may repeat names", async () => {
  assert.equal((await read("a: 1\nb: {c: 1, d: 2, c: 3}\n")).said, "line 2, column 17: this map has the name already; keep one of the two");
  assert.equal((await read(maps(3, 2).replace("{<<: *a}", "{k1: 2, <<: *a}"))).said, "");
});

test("maps in each other on one line take memory by their number, not by its square", () => {
  const code = `
    const { readManifest } = await import(${JSON.stringify(new URL("./manifest.ts", import.meta.url).href)});
    const read = readManifest("a: " + "b: ".repeat(10_000), "yaml");
    process.stdout.write(read.ok ? "ok" : read.error.message);`;
  const { stdout, stderr } = spawnSync(process.execPath, ["--max-old-space-size=128", "--input-type=module", "--eval", code], {
    encoding: "utf8",
  });
  assert.equal(stdout, "line 1, column 4: not YAML: Nested mappings are not allowed in compact mappings", stderr.slice(0, 500));
});
