import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { configurationOf } from "../model/plugin-configuration.ts";
import { createConfigJudge } from "../operator/index.ts";
import { run } from "../scripts/tools/run.ts";
import { eventually } from "./support/process.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { headerFilter } from "./support/wat.ts";

/** The JSON Schema that an image carries for configurations: the commands, and schemas that take all the time that they get. */
const WEIR = fileURLToPath(new URL("../bin/weir", import.meta.url));
const SCHEMA = { type: "object", additionalProperties: false, properties: { limit: { type: "integer", minimum: 1 } } };

async function said(schema: unknown, config: unknown, judge = createConfigJudge()): Promise<string[]> {
  const configuration = configurationOf(Buffer.from(typeof config === "string" ? config : JSON.stringify(config)));
  const filter = { namespace: "shop", name: "f" };
  const found = await judge.judge({ filter, schema: { text: JSON.stringify(schema) }, configuration, place: "spec" });
  return found.ok ? found.value.map(({ path, message }) => `${path}: ${message}`) : [`${found.error.reason}: ${found.error.message}`];
}

describe("a schema", () => {
  test("that takes all the time or memory ends after its time, and others are judged again", async () => {
    const quick = createConfigJudge(300);
    await said(SCHEMA, { limit: 1 }, quick);
    const twice = (name: string, next: string) => [name, { allOf: [{ $ref: `#/$defs/${next}` }, { $ref: `#/$defs/${next}` }] }];
    const tree = Object.fromEntries(Array.from({ length: 40 }, (_, index) => twice(`n${index}`, `n${index + 1}`)));
    for (const [schema, config] of [
      [{ pattern: "^(a+)+$" }, `${"a".repeat(40)}!`],
      [{ $ref: "#/$defs/n0", $defs: { ...tree, n40: true } }, 1],
    ] as const) {
      const began = performance.now();
      assert.match((await said(schema, JSON.stringify(config), quick)).join(), /^ConfigSchemaSlow: /);
      assert.ok(performance.now() - began < 20_000);
    }
    // Its next thread has 300 ms too, in which a busy machine may not have started it.
    await eventually("others are judged", async () => (await said(SCHEMA, { limit: 1 }, quick)).length === 0);
  });

  test("goes into an image by weir push, is shown by weir inspect; one that is none is not pushed", async (t) => {
    const { path, remove } = await createTempFolder("config-schema");
    t.after(remove);
    await writeFile(join(path, "f.wasm"), await headerFilter({ name: "x-weir", value: "one" }));
    await writeFile(join(path, "schema.json"), JSON.stringify(SCHEMA));
    await writeFile(join(path, "bad.json"), JSON.stringify({ $ref: "https://evil.example/x" }));
    const weir = (...args: string[]) => run(WEIR, args, { cwd: path });
    const bad = await weir("push", "f.wasm", "oci-layout:images:bad", "--config-schema", "bad.json");
    assert.equal(bad.code, 1);
    assert.match(
      bad.stderr,
      /^error: bad\.json: as a schema for configurations it has a \$ref that leads out of it; write what it leads to below \$defs/,
    );
    const pushed = await weir("push", "f.wasm", "oci-layout:images:1", "--config-schema", "schema.json");
    assert.equal(pushed.code, 0, pushed.stderr);
    const shown = await weir("inspect", "oci-layout:images:1");
    assert.match(shown.stdout, /config +judged by a JSON Schema of \d+ bytes; -o json shows it/);
    assert.deepEqual(
      JSON.parse(JSON.parse((await weir("inspect", "oci-layout:images:1", "-o", "json")).stdout).image.module.configSchema.text),
      SCHEMA,
    );
  });
});
