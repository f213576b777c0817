import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isObjectName } from "../../parse/names.ts";
import { revisionName } from "./revisions.ts";

const UID = "0a1b2c3d-0000-4000-8000-000000000000";

describe("ControllerRevisions", () => {
  test("a revision's name is a valid one for every name of a filter, and another for every number and object", () => {
    for (const name of ["a", "a.b-c", "x".repeat(253), `${"x".repeat(199)}.${"y".repeat(53)}`, `${"x".repeat(198)}--y${"z".repeat(40)}`]) {
      assert.ok(isObjectName(name), name);
      const made = revisionName({ namespace: "shop", name }, UID, 12345);
      assert.ok(isObjectName(made), made);
    }
    const key = { namespace: "shop", name: "add-header" };
    assert.equal(revisionName(key, UID, 3), "add-header-0a1b2c3d-3");
    assert.notEqual(revisionName(key, UID, 4), revisionName(key, UID, 3));
    assert.notEqual(revisionName(key, UID.replace("0a", "0b"), 3), revisionName(key, UID, 3));
  });
});
