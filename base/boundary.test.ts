import assert from "node:assert/strict";
import { test } from "node:test";
import { bounded, inBackground } from "./boundary.ts";

test("an error is told once, and neither later work nor the process hears of it", async () => {
  const told: unknown[] = [];
  for (const each of [1, 2, 3]) {
    bounded(
      () => {
        if (each === 2) throw new Error("two");
      },
      (error) => told.push(`${each} ${error}`),
    );
  }
  inBackground(Promise.reject(new Error("late")), (error) => told.push(String(error)));
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(told, ["2 Error: two", "Error: late"]);
});
