import assert from "node:assert/strict";
import { test } from "node:test";
import { ok } from "../../model/result.ts";
import { parseFilter } from "../parse/filter.ts";
import { configure } from "./configure.ts";

test("a key that is not there is told beside those that are, as far as they fit", async () => {
  const spec = { image: "a/b:1", configFrom: { configMapKeyRef: { name: "c", key: "k" } } };
  const filter = parseFilter({ apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: { name: "f", namespace: "shop" }, spec });
  assert.ok(filter.ok);
  const messageFor = async (keys: readonly string[]) => {
    const data = ok({ data: new Map(keys.map((key) => [key, Buffer.from("")])), version: undefined });
    const configured = await configure(filter.value, { configMap: async () => data, secret: async () => data });
    return configured.ok ? "" : configured.error.message;
  };
  assert.match(await messageFor([]), /has no key "k" \(it has: none\); add it/);
  assert.match(await messageFor(["b", "a"]), /\(it has: a, b\); add it/);
  const many = await messageFor(Array.from({ length: 10_000 }, (_, index) => `key-${index}`));
  assert.ok(many.length < 600 && /; add it or name one of those$/.test(many), many);
  assert.ok(!(await messageFor(["a\u001b[31m"])).includes("\u001b"));
});
