import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createEventLog, type Missed } from "./event-log.ts";

/** The data of the changes that were missed, and whether something else changed. */
function told(missed: Missed): readonly unknown[] {
  if (missed.kind === "lost") return [missed.why];
  return [...missed.changes.map((frame) => /^data: (.*)$/m.exec(frame)?.[1]), missed.state];
}

describe("the log of events", () => {
  test("tells who comes back what came behind the event it names", () => {
    const log = createEventLog({ maxEvents: 10, maxBytes: 10_000 }, "p");
    const start = log.place();
    assert.match(log.addChange("one"), /^id: p-1\nevent: change\ndata: one\n\n$/);
    const middle = log.place();
    assert.match(log.addState(), /^id: p-2\nevent: state\n/);
    log.addChange("two");
    assert.deepEqual(told(log.since(start)), ["one", "two", true]);
    assert.deepEqual(told(log.since(middle)), ["two", true]);
    assert.deepEqual(told(log.since("p-2")), ["two", false]);
    assert.deepEqual(told(log.since(log.place())), [false]);
  });

  test("is bounded in events and bytes, and says when what was missed is not kept any more", () => {
    const few = createEventLog({ maxEvents: 2, maxBytes: 10_000 }, "p");
    for (const data of ["one", "two", "three"]) few.addChange(data);
    assert.deepEqual(told(few.since("p-0")), ["the id is too old"]);
    assert.deepEqual(told(few.since("p-1")), ["two", "three", false]);
    const small = createEventLog({ maxEvents: 100, maxBytes: 200 }, "p");
    for (let count = 0; count < 50; count++) small.addChange("x".repeat(50));
    assert.deepEqual(told(small.since("p-1")), ["the id is too old"]);
    assert.equal(told(small.since("p-48")).length, 3);
    // States alone push nothing out.
    for (let count = 0; count < 50; count++) few.addState();
    assert.deepEqual(told(few.since("p-1")), ["two", "three", true]);
  });

  test("knows no id of another process, and none that it never gave", () => {
    const log = createEventLog({ maxEvents: 2, maxBytes: 10_000 });
    for (const id of ["p-0", "", "x", "-1", `${log.place().replace(/-\d+$/, "")}-7`, `a-${"9".repeat(40)}`])
      assert.deepEqual(told(log.since(id)), ["the id is of another process"], id);
  });
});
