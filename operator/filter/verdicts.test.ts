import assert from "node:assert/strict";
import { test } from "node:test";
import type { Revision } from "../../model/revision.ts";
import { MAX_REQUIREMENTS, type Verdict } from "../../model/verify.ts";
import { withVerdicts } from "./verdicts.ts";

const verdicts = (name: string, count: number): Verdict[] =>
  Array.from({ length: count }, (_, index) => ({ requirement: `${name}${index}`, by: "key" }));
const bare = {} as Revision;

test("verdicts on all that may be asked for at a time are kept, whatever was asked for before", () => {
  const asked = verdicts("now", MAX_REQUIREMENTS);
  let revision = withVerdicts(bare, asked);
  for (const name of ["a", "b", "c"]) revision = withVerdicts(revision, verdicts(name, MAX_REQUIREMENTS));
  assert.equal(revision.verified?.length, 2 * MAX_REQUIREMENTS);
  const once = withVerdicts(revision, asked);
  assert.deepEqual(once.verified?.slice(0, MAX_REQUIREMENTS), asked);
  assert.equal(withVerdicts(once, asked), once, "and nothing is rewritten for them again");
});

test("what is asked for now is kept before what came later and is not", () => {
  const first = withVerdicts(bare, verdicts("old", MAX_REQUIREMENTS));
  const full = withVerdicts(first, verdicts("x", MAX_REQUIREMENTS));
  const mixed = [...verdicts("old", MAX_REQUIREMENTS - 1), { requirement: "new", by: "key" }];
  assert.deepEqual(withVerdicts(full, mixed).verified?.slice(0, MAX_REQUIREMENTS), mixed);
});
