import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { rolloutId } from "./rollout-id.ts";

describe("the id of a rollout", () => {
  test("is the filter, the revision and eight digits of its hash, of whatever version", () => {
    const id = (hash: string) => rolloutId({ filter: { namespace: "shop", name: "a" }, revision: 4, hash });
    assert.equal(id("9f1c2a3b4c5d"), "shop/a#4@9f1c2a3b");
    assert.equal(id("v2:9f1c2a3b4c5d"), "shop/a#4@9f1c2a3b");
  });

  test("holds nothing of a text from a Secret", () => {
    const id = rolloutId({ filter: { namespace: "shop", name: "a" }, revision: 4, hash: `v2:9f1c2a3b4c5d:sha256:${"e".repeat(64)}` });
    assert.equal(id, "shop/a#4@9f1c2a3b");
  });
});
