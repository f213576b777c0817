import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { configurationOf } from "../../model/plugin-configuration.ts";
import { createConfigJudge } from "./judge.ts";
import { readConfigSchema } from "./schema.ts";

const judge = createConfigJudge();
const filter = { namespace: "shop", name: "f" };

/** What is said of a configuration, a line for each problem; or of its schema. */
async function said(schema: unknown, config: unknown, place: "spec" | "configMap" | "secret" = "spec", by = judge): Promise<string[]> {
  const text = typeof schema === "string" ? schema : JSON.stringify(schema);
  const bytes = Buffer.isBuffer(config) ? config : Buffer.from(typeof config === "string" ? config : JSON.stringify(config));
  const found = await by.judge({ filter, schema: { text }, configuration: configurationOf(bytes), place });
  return found.ok ? found.value.map(({ path, message }) => `${path}: ${message}`) : [`${found.error.reason}: ${found.error.message}`];
}

const SCHEMA = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object",
  required: ["limit"],
  additionalProperties: false,
  properties: {
    limit: { type: "integer", minimum: 1, maximum: 100 },
    mode: { enum: ["soft", "hard"] },
    paths: { type: "array", items: { $ref: "#/$defs/path" }, maxItems: 3 },
  },
  $defs: { path: { type: "string", pattern: "^/", maxLength: 10 } },
};

describe("a configuration", () => {
  test("that fits passes", async () => {
    assert.deepEqual(await said(SCHEMA, { limit: 5, mode: "soft", paths: ["/a"] }), []);
    assert.deepEqual(await said({ ...SCHEMA, required: [] }, ""), [], "none is an empty object");
  });

  test("that does not is told by each place, and nothing of it is quoted", async () => {
    const by = ", by the schema of its image";
    assert.deepEqual(await said(SCHEMA, { limit: "hunter2", mode: "x", paths: ["/a", "b", "/1234567890"], other: 1 }), [
      `spec.config.limit: must be of type integer${by}`,
      `spec.config.mode: unsupported value; supported: "soft","hard"${by}`,
      `spec.config.paths[1]: must match the pattern that the schema has for it${by}`,
      `spec.config.paths[2]: must have at most 10 characters${by}`,
      `spec.config.other: unknown field; remove it${by}`,
    ]);
    assert.deepEqual(await said(SCHEMA, ""), [`spec.config.limit: required, but missing${by}`]);
    assert.deepEqual(await said(SCHEMA, { limit: 101 }), [`spec.config.limit: must be 100 or less${by}`]);
    assert.deepEqual(await said(SCHEMA, { limit: 0 }, "configMap"), [`spec.configFrom: limit: must be 1 or more${by}`]);
    assert.deepEqual(await said(SCHEMA, { limit: 1, hunter2: 1 }, "secret"), [
      `spec.configFrom: its text does not fit the schema of its image: unknown field; remove it`,
    ]);
    for (const config of ["hello", "{", Buffer.from([0xff])])
      assert.deepEqual(await said(SCHEMA, config), [`spec.config: must be JSON${by}`]);
  });

  test("with names of every kind keeps its path readable", async () => {
    const schema = { additionalProperties: { type: "number" } };
    const config = JSON.parse('{"a/b~c":"x","__proto__":"x","%23 ü":"x","\\u001b[2J":"x"}');
    const paths = (await said(schema, config)).map((line) => line.split(": ")[0]);
    assert.deepEqual(paths, ["spec.config.a/b~c", "spec.config.__proto__", "spec.config.%23 ü", "spec.config.\\u001b[2J"]);
  });
});

describe("a schema", () => {
  test("that is none is told, whatever the configuration", async () => {
    const cases: readonly (readonly [unknown, RegExp])[] = [
      ["{", /is not JSON/],
      ["[]", /is no object/],
      ["true", /is no object/],
      [" ".repeat(64 * 1024 + 1), /has more than 65536 bytes/],
      ["[".repeat(100), /nested deeper than 64 levels/],
      [{ enum: Array.from({ length: 10_002 }, () => 1) }, /has more than 10000 values/],
      [{ $schema: "http://json-schema.org/draft-04/schema#" }, /\$schema that is not known; write draft 2020-12 or draft-07/],
      [{ $ref: "https://evil.example/schema.json" }, /has a \$ref that leads out of it/],
      [{ properties: { $ref: { $ref: "file:///etc/passwd" } } }, /leads out of it/],
      [{ items: { $dynamicRef: 7 } }, /leads out of it/],
      [{ pattern: "(" }, /has the pattern "\(", which is no regular expression/],
      [{ patternProperties: { "[": {} } }, /no regular expression/],
      [{ enum: 7 }, /has a enum that is none/],
      [{ $ref: "#/$defs/nothing" }, /refers to what it does not have/],
      [{ $ref: "#" }, /refers to what it does not have/],
    ];
    for (const [schema, says] of cases) {
      const [line = ""] = await said(schema, { a: 1 });
      assert.match(
        line,
        /^ConfigSchemaInvalid: the schema for configurations that the image carries .*; push it again with weir push --config-schema$/,
      );
      assert.match(line, says);
    }
    assert.ok(
      readConfigSchema(JSON.stringify({ properties: { $ref: { type: "string" }, enum: { type: "array" } } })).ok,
      "names are no keywords",
    );
  });
});
