import assert from "node:assert/strict";
import { test } from "node:test";
import { openStage } from "../scripts/demo/cluster/stage.ts";
import { play } from "../scripts/demo/cluster/story.ts";
import { createNarrator } from "../scripts/demo/narrator.ts";
import { lacksForNode } from "./support/kubernetes/index.ts";

const lacks = await lacksForNode();

test("npm run demo:cluster: from an empty cluster to an uninstalled Weir, no request fails and none is unfiltered", {
  skip: lacks ?? false,
}, async (t) => {
  const told: string[] = [];
  const narrator = createNarrator((line) => void told.push(...line.split("\n")));
  const stage = await openStage(narrator);
  t.after(() => stage.close());
  const totals = await play(stage, narrator).catch((error: unknown) => {
    throw new Error(`after: ${told.slice(-20).join("\n")}`, { cause: error });
  });
  for (const line of told) if (/^\d+\. |\(\d+\.\d s\)/.test(line.trim())) t.diagnostic(line.trim());
  t.diagnostic(JSON.stringify(totals));
  assert.ok(totals.requests >= 1_000);
  assert.deepEqual([totals.failed, totals.unfiltered], [0, 0], totals.failures.join("\n"));
  assert.deepEqual(Object.keys(totals.values).sort(), ["v1", "v2"]);
});
