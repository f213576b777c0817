import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { closest } from "./closest.ts";

describe("closest", () => {
  test("a word that is nearly a command finds it, one that is not does not", () => {
    assert.equal(closest("gte", ["get", "apply"]), "get");
    assert.equal(closest("desc", ["delete", "describe"]), "describe");
    assert.equal(closest("xyz", ["get", "apply"]), undefined);
    assert.equal(closest("", ["get"]), undefined);
  });

  test("case does not count, and the candidate comes back as it is written", () => {
    assert.equal(closest("failurepolicy", ["failurePolicy", "image"], 1), "failurePolicy");
  });

  test("the caller says how many edits are near", () => {
    assert.equal(closest("revisonHistryLimt", ["revisionHistoryLimit"]), undefined);
    assert.equal(closest("revisonHistryLimt", ["revisionHistoryLimit"], 5), "revisionHistoryLimit");
  });
});
