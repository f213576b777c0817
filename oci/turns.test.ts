import assert from "node:assert/strict";
import { test } from "node:test";
import { createTurns } from "./turns.ts";

test("tasks of one namespace that never end leave a place to the others", async () => {
  const turns = createTurns(4);
  const gate = Promise.withResolvers<void>();
  let begun = 0;
  const stuck = Array.from({ length: 10 }, () =>
    turns.run("evil", async () => {
      begun++;
      await gate.promise;
    }),
  );
  assert.equal(await turns.run("shop", async () => "served"), "served");
  assert.equal(begun, 3);
  gate.resolve();
  await Promise.all(stuck);
  assert.equal(begun, 10);
});
