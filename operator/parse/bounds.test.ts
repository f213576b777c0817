import assert from "node:assert/strict";
import { test } from "node:test";
import { startCpuTime } from "../../base/cpu-time.ts";
import { readManifest } from "../source/folder/manifest.ts";
import { beyondBounds, withinBounds } from "./bounds.ts";
import { parseFilter } from "./filter.ts";

const nested = (depth: number): unknown => JSON.parse("[".repeat(depth) + "]".repeat(depth));
const object = (spec: object) => ({
  apiVersion: "weir.dev/v1alpha1",
  kind: "WasmFilter",
  metadata: { name: "deep", namespace: "b", uid: "1" },
  spec: { image: "r.example/x:1", ...spec },
});
const refusal = (raw: unknown): string => {
  const parsed = parseFilter(raw);
  return parsed.ok ? "accepted" : `${parsed.error.reason}: ${parsed.error.message}`;
};

test("an object that is nested too deeply is refused before anything recurses into it", () => {
  assert.equal(parseFilter(object({ config: { a: nested(90) } })).ok, true);
  for (const depth of [120, 3_000, 200_000])
    assert.match(refusal(object({ config: nested(depth) })), /^InvalidSpec: .*nested deeper than 100 levels/);
});

test("an object beyond the bounds is held as its identity and selector, and still says why", () => {
  const selector = { matchLabels: { app: "web" } };
  const held = withinBounds(object({ config: nested(200_000), selector }));
  assert.deepEqual(JSON.parse(JSON.stringify(held)), { ...object({}), spec: { selector } });
  assert.match(refusal({ ...held }), /nested deeper/);
  const lost = withinBounds(object({ selector: nested(200_000) })) as ReturnType<typeof object> & { spec: { selector: unknown } };
  assert.equal(lost.spec.selector, "beyond bounds", "an absent selector selects every proxy");
});

test("a value that is repeated counts each time, and the count stops at the bound", () => {
  const text = "x".repeat(1024 * 1024);
  assert.equal(beyondBounds([text, text]), undefined);
  assert.match(beyondBounds([text, text, text]) ?? "", /larger than 3 MiB/);
  let bomb: unknown = "lol";
  for (let i = 0; i < 40; i++) bomb = [bomb, bomb, bomb, bomb, bomb, bomb, bomb, bomb];
  assert.match(beyondBounds(bomb) ?? "", /larger than 3 MiB/);
});

test("many unknown fields and many list entries give one bounded message, in linear time", (t) => {
  const fields = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`unknownfield${i}`, 1]));
  const steps = Array.from({ length: 100_000 }, (_, i) => ({ percent: i }));
  for (const spec of [fields, { rollout: { steps } }]) {
    const taken = startCpuTime();
    const message = refusal(object(spec));
    const took = taken();
    t.diagnostic(`${took.toFixed(0)} ms, ${message.length} characters`);
    assert.match(message, /^InvalidSpec: /);
    assert.ok(message.length < 8_000);
    assert.ok(took < 5_000, `${took} ms`);
  }
});

test("a manifest that nests too deeply, or repeats too much, fails by itself", () => {
  const head = "apiVersion: weir.dev/v1alpha1\nkind: WasmFilter\nmetadata: {name: bomb}\nspec:\n  image: r.example/x:1\n";
  const deep = readManifest(`${head}  config: ${"[".repeat(9_000)}${"]".repeat(9_000)}\n`, "yaml");
  assert.match(deep.ok ? refusal(deep.value.objects[0]?.fields) : deep.error.message, /nested/);
  const alias = readManifest(`${head}  config:\n    a: &a "${"x".repeat(100_000)}"\n    b: [${Array(99).fill("*a").join(", ")}]\n`, "yaml");
  assert.ok(alias.ok);
  assert.match(refusal(alias.value.objects[0]?.fields), /larger than 3 MiB/);
});
