import assert from "node:assert/strict";
import { test } from "node:test";
import { createGoodTokens } from "./good-tokens.ts";

const token = (uid: string, index: number) => ({ hash: `${uid}-${index}`, namespace: "shop", name: `web-${uid}`, uid, until: 1 });

test("many tokens of one pod push out that pod's own, and those of no other", () => {
  const tokens = createGoodTokens();
  tokens.add(token("quiet", 0));
  for (let index = 0; index < 30_000; index++) tokens.add(token("loud", index));
  assert.ok(tokens.get("quiet-0") !== undefined);
  assert.deepEqual(
    Array.from(tokens.all(), ({ hash }) => hash),
    ["quiet-0", ...[29_996, 29_997, 29_998, 29_999].map((index) => `loud-${index}`)],
  );
});

test("a token that is added again is the newest, and 20,000 are kept in all", () => {
  const tokens = createGoodTokens();
  for (let index = 0; index < 4; index++) tokens.add(token("a", index));
  tokens.add(token("a", 0));
  tokens.add(token("a", 4));
  assert.deepEqual(
    Array.from(tokens.all(), ({ hash }) => hash),
    ["a-2", "a-3", "a-0", "a-4"],
  );
  for (let pod = 0; pod < 20_000; pod++) tokens.add(token(`p${pod}`, 0));
  assert.equal(Array.from(tokens.all()).length, 20_000);
  assert.deepEqual([tokens.get("a-4"), tokens.get("p19999-0")?.name], [undefined, "web-p19999"]);
});

test("the tokens of a pod that is gone are forgotten", () => {
  const tokens = createGoodTokens();
  for (const uid of ["a", "b"]) for (let index = 0; index < 2; index++) tokens.add(token(uid, index));
  tokens.forgetPod("a");
  assert.deepEqual(
    Array.from(tokens.all(), ({ hash }) => hash),
    ["b-0", "b-1"],
  );
});
