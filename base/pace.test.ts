import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Pace } from "./pace.ts";

describe("Pace", () => {
  const start = () => new Pace({ perSecond: 10, burst: 3, longestMs: 1_000 });

  test("gives its burst at once, then a turn for each step of time, to each key by itself", () => {
    const pace = start();
    assert.deepEqual(
      [1, 2, 3, 4, 5].map(() => pace.turn("a", 50_000)),
      [0, 0, 0, 100, 200],
    );
    assert.equal(pace.turn("b", 50_000), 0);
    assert.equal(pace.turn("a", 50_250), 50);
    assert.equal(pace.turn("a", 60_000), 0);
  });

  test("tells who would wait too long to ask again, and gives no turn away for that", () => {
    const pace = start();
    const waits = Array.from({ length: 1_000 }, () => pace.turn("a", 0));
    assert.equal(waits.filter((wait) => wait !== undefined).length, 13);
    assert.equal(pace.turn("a", 200), 900);
  });

  test("begins anew when the clock was set back", () => {
    const pace = start();
    for (let i = 0; i < 13; i++) pace.turn("a", 1_000_000);
    assert.equal(pace.turn("a", 900_000), 0);
  });
});
