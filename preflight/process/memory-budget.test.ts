import assert from "node:assert/strict";
import { test } from "node:test";
import { createMemoryBudget } from "./memory-budget.ts";

test("when proofs take more together than there is, the largest gives way, and one alone never does", () => {
  const gone: string[] = [];
  const budget = createMemoryBudget(100);
  const [a, b, c] = ["a", "b", "c"].map((name) => budget.enter(() => gone.push(name)));
  a?.takes(40);
  b?.takes(60);
  assert.equal(gone.length, 0);
  c?.takes(10);
  assert.deepEqual(gone, ["b"]);
  b?.takes(60);
  assert.deepEqual(gone, ["b"], "it is out, whatever its process still takes");
  c?.takes(70);
  assert.deepEqual(gone, ["b", "c"]);
  a?.takes(500);
  assert.deepEqual(gone, ["b", "c"]);
  budget.enter(() => gone.push("d")).takes(1);
  assert.deepEqual(gone, ["b", "c", "a"]);
  a?.leave();
});
