import assert from "node:assert/strict";
import { test } from "node:test";
import { parseLabelSelector } from "./label-selector.ts";

test("a label selector is what kubectl takes", () => {
  const read = (text: string) => {
    const parsed = parseLabelSelector(text);
    return parsed.ok
      ? parsed.value.matchExpressions.map(({ key, operator, values }) => `${key} ${operator} ${values.join("|")}`)
      : parsed.error.message;
  };
  assert.deepEqual(read("app=web, tier!=cache,x in (a, b),y notin (c),!old,example.com/new,e=="), [
    "app In web",
    "tier NotIn cache",
    "x In a|b",
    "y NotIn c",
    "old DoesNotExist ",
    "example.com/new Exists ",
    "e In ",
  ]);
  for (const wrong of ["", "a b", "=x", "a=b c", "a in b", "a=$", "a,,b", "a in (b", "-a=b"])
    assert.match(String(read(wrong)), /is not a label selector/, wrong);
});
