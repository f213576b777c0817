import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Rejections } from "./rejections.ts";

describe("what a client rejected", () => {
  test("what was rejected is known by name and version, until the name is forgotten", () => {
    const rejections = new Rejections();
    assert.equal(rejections.has("a", "1"), false);
    rejections.add("a", "1", "");
    rejections.add("b", "1", "no");
    assert.equal(rejections.has("a", "1"), true, "also without a message");
    assert.equal(rejections.has("a", "2"), false);
    rejections.forget("a");
    assert.equal(rejections.has("a", "1"), false);
    assert.equal(rejections.message("b", "1"), "no");
  });

  test("the last message about a name is that of the newest rejection", () => {
    const rejections = new Rejections();
    assert.equal(rejections.lastMessage("a"), undefined);
    for (const [version, message] of Object.entries({ x: "first", y: "second" })) rejections.add("a", version, message);
    assert.equal(rejections.lastMessage("a"), "second");
    rejections.add("a", "x", "third");
    assert.equal(rejections.lastMessage("a"), "third");
  });

  test("a client that rejects without end has only its last rejections remembered", () => {
    const rejections = new Rejections();
    for (let version = 0; version < 1_000; version++) rejections.add("a", String(version), "no");
    const known = Array.from({ length: 1_000 }, (_, version) => version).filter((version) => rejections.has("a", String(version)));
    assert.deepEqual([known.length, known[0]], [32, 968]);
  });
});
