import assert from "node:assert/strict";
import { test } from "node:test";
import { createStandingTrouble } from "./standing-trouble.ts";

test("trouble is told once until it is another, and its end once", () => {
  const told: string[] = [];
  const stands = createStandingTrouble(
    (message) => void told.push(message),
    () => void told.push("over"),
  );
  for (const message of [undefined, "a", "a", "b", "a", undefined, undefined, "a"]) stands(message);
  assert.deepEqual(told, ["a", "b", "a", "over", "a"]);
});
