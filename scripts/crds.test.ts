import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { type Crd, type CrdSchema, narrowings } from "../cluster/check/narrowing.ts";
import { ROOT } from "./tests/files.ts";

const FIRST = join(ROOT, "test/fixtures/crds-first");
const crd = async (path: string) => parse(await readFile(path, "utf8")) as Crd;

/** What objects of the first version may say, they may say for ever: changes to crds/ are only additions. */
test("every object that the first version of the API took is taken, with the same meaning", async () => {
  const files = (await readdir(FIRST)).filter((file) => file.endsWith(".yaml"));
  assert.ok(files.includes("wasmfilters.weir.dev.yaml"));
  for (const file of files) assert.deepEqual(narrowings(await crd(join(FIRST, file)), await crd(join(ROOT, "crds", file))), [], file);
});

test("no default stands below a list: tools apply lists whole, and would find what the API server writes into them changed", async () => {
  const below = (schema: CrdSchema, path: string, inList: boolean): string[] => [
    ...(inList && schema.default !== undefined ? [path] : []),
    ...Object.entries(schema.properties ?? {}).flatMap(([name, field]) => below(field, `${path}.${name}`, inList)),
    ...(schema.items === undefined ? [] : below(schema.items, `${path}[]`, true)),
  ];
  for (const [folder, expected] of [
    [join(ROOT, "crds"), []],
    [FIRST, [".spec.rollout.steps[].hold", ".spec.rollout.steps[].pause"]],
  ] as const) {
    const { spec } = await crd(join(folder, "wasmfilters.weir.dev.yaml"));
    const schemas = spec.versions.map(({ schema }) => schema?.openAPIV3Schema ?? {});
    assert.deepEqual(
      schemas.flatMap((schema) => below(schema, "", false)),
      expected,
    );
  }
});

test("a field that is taken away is found in the real CRD", async () => {
  const first = await crd(join(FIRST, "wasmfilters.weir.dev.yaml"));
  const now = structuredClone(first) as unknown as {
    spec: { versions: { schema: { openAPIV3Schema: { properties: Record<string, { properties: object }> } } }[] };
  };
  Reflect.deleteProperty(now.spec.versions[0]?.schema.openAPIV3Schema.properties.spec?.properties ?? {}, "image");
  assert.deepEqual(narrowings(first, now as unknown as Crd), ["spec.image: is gone"]);
});
