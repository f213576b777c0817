// Cases in YAML say most things shorter; a test in TypeScript can compute.
import assert from "node:assert/strict";
import { test } from "node:test";
import { loadFilter } from "@weir-dev/testing";

test("in each of ten windows as many requests pass as may", async () => {
  const filter = await loadFilter(undefined, { config: { requests: 3, seconds: 1 } });
  let passed = 0;
  for (let window = 0; window < 10; window++) {
    for (let request = 0; request < 5; request++) if ((await filter.exchange()).response?.status === 200) passed++;
    await filter.advance(1000);
  }
  assert.equal(passed, 30);
  assert.equal(filter.metrics.rate_limit_refused, 20);
});

test("what something else left under the key counts as nothing", async () => {
  const filter = await loadFilter(undefined, { config: { requests: 1 } });
  filter.setSharedData("window", "nonsense");
  assert.equal((await filter.exchange()).response?.status, 200);
  assert.equal((await filter.exchange()).response?.status, 429);
});
