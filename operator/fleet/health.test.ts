import assert from "node:assert/strict";
import { test } from "node:test";
import type { FilterRecord } from "../filter/record.ts";
import { idle, type RolloutState } from "../rollout/state.ts";
import { createHealthWatch } from "./health.ts";

test("what is known of a rollout's proxies is forgotten when the rollout ends", () => {
  const fleet = { proxy: () => undefined, health: () => undefined };
  const clock = { now: () => 0, after: () => () => {} };
  const watch = createHealthWatch({ fleet, clock, proxiesOf: () => [], record: () => undefined });
  const rollout: RolloutState = { ...idle, phase: "Progressing", target: 1 };
  const record = {
    uid: "u",
    id: "default/f",
    filter: { rollout: {} },
    revisions: [{ number: 1, settings: { slot: "default" } }],
    rollout,
  };
  const kept = (watch as unknown as { watches: Map<string, unknown> }).watches;
  watch.look(record as unknown as FilterRecord, 0);
  assert.equal(kept.size, 1);
  watch.look({ ...record, rollout: { ...rollout, phase: "Succeeded" } } as unknown as FilterRecord, 0);
  assert.equal(kept.size, 0);
});
