import assert from "node:assert/strict";
import { test } from "node:test";
import { createOnce } from "./once.ts";

test("what was made once is kept, what rejected is made again", async () => {
  let times = 0;
  const once = createOnce(async () => {
    times += 1;
    if (times === 1) throw new Error("EMFILE");
    return times;
  });
  assert.equal(await once.peek(), undefined);
  const first = await Promise.allSettled([once.get(), once.get(), once.peek()]);
  assert.deepEqual(
    first.map(({ status }) => status),
    ["rejected", "rejected", "fulfilled"],
  );
  assert.deepEqual(await Promise.all([once.get(), once.get(), once.peek()]), [2, 2, 2]);
});
