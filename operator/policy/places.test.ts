import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Claim, placeOf } from "./places.ts";

const claim = fc.record({
  id: fc.stringMatching(/^[a-e]$/),
  slot: fc.constantFrom("x", "y", undefined),
  holds: fc.subarray(["x", "y"]).map((slots) => new Set(slots)),
  created: fc.constantFrom("", "2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"),
});
const claims = fc.uniqueArray(claim, { selector: ({ id }) => id });

test("the places of a slot are 1, 2, 3 and so on, each once, in whatever order claims are seen", () => {
  fc.assert(
    fc.property(claims, fc.constantFrom("x", "y"), (all, slot) => {
      // What holds a slot and asks for another counts in both.
      const asking = all.filter((each) => each.slot === slot);
      const leaving = all.filter((each) => each.slot !== slot && each.holds.has(slot));
      const places = asking.map((each) => placeOf(each, all));
      const reversed = asking.map((each) => placeOf(each, all.toReversed()));
      assert.deepEqual(places, reversed);
      assert.equal(new Set(places).size, places.length);
      assert.ok(places.every((place) => place >= 1 && place <= asking.length + leaving.length));
      if (leaving.length === 0)
        assert.deepEqual(
          places.toSorted(),
          Array.from(places.keys(), (index) => index + 1),
        );
    }),
  );
});

test("what is in a slot comes before what is not, then age, then the name", () => {
  const of = (id: string, created: string, ...holds: string[]): Claim => ({ id, slot: "x", created, holds: new Set(holds) });
  const all = [of("a", "2", "y"), of("b", "1"), of("c", "3", "x"), of("d", "2"), { ...of("e", "9", "x"), slot: "y" }];
  assert.deepEqual(
    all.map((each) => placeOf(each, all)),
    [4, 3, 1, 5, 2],
  );
});
