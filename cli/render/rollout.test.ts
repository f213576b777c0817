import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseDuration } from "../../base/duration.ts";
import { age, clock, duration, moment } from "../../base/elapsed.ts";
import { ROLLOUT_PAUSED } from "../../model/annotations.ts";
import type { WasmFilter, WasmFilterStatusRollout } from "../../model/gen/wasmfilter.ts";
import { nextStep as nextStepIn } from "../../model/next-step.ts";
import { ago, NOW, rolling } from "../testing/fixtures.ts";
import { bar, waves } from "./rollout.ts";

function withRollout(rollout: Partial<WasmFilterStatusRollout>, annotations: Record<string, string> = {}): WasmFilter {
  const now: WasmFilterStatusRollout = { state: "Progressing", step: 2, steps: 3, stepTime: ago(60), ...rollout };
  return { ...rolling, metadata: { ...rolling.metadata, annotations }, status: { ...rolling.status, rollout: now } };
}

function nextStep(filter: WasmFilter, now: number): string {
  return nextStepIn(filter, { parse: parseDuration, print: (at) => moment(at, now) });
}

describe("bar and waves", () => {
  test("the bar has 40 cells whatever the counts, and shows a single refusal among thousands", () => {
    for (const [matched, updated, rejected] of [
      [0, 0, 0],
      [1, 1, 0],
      [3, 1, 1],
      [4000, 3999, 1],
      [4000, 0, 4000],
    ] as const) {
      const cells = bar({ matched, updated, rejected, pending: matched - updated - rejected }, [10, 50, 100]).replace(/[[\]|]/g, "");
      assert.equal(cells.length, 40);
      assert.equal(cells.includes("x"), rejected > 0);
      assert.equal(cells.includes("#"), updated > 0);
    }
  });

  test("the bar is full only when everyone is updated", () => {
    assert.match(bar({ matched: 4000, updated: 3999, rejected: 0, pending: 1 }, [100]), /^\[#{39}\.\]$/);
    assert.match(bar({ matched: 4000, updated: 4000, rejected: 0, pending: 0 }, [100]), /^\[#{40}\]$/);
  });

  test("waves tell which is done, on and to come, or where it stopped", () => {
    assert.equal(waves(withRollout({})), "10% done > 50% now > 100%");
    assert.equal(waves(withRollout({ state: "RolledBack" })), "10% done > 50% stopped > 100%");
    assert.equal(waves(withRollout({ state: "Succeeded", step: 3 })), "10% done > 50% done > 100% done");
  });
});

describe("the next step", () => {
  test("the next step has its time while a wave is held", () => {
    assert.equal(nextStep(withRollout({ state: "Holding", nextStepTime: ago(-24) }), NOW), "wave 3 (100%) starts at 12:00:24Z (in 24s)");
    assert.equal(nextStep(withRollout({ state: "Holding", nextStepTime: ago(1) }), NOW), "wave 3 (100%) starts at 11:59:59Z (any moment)");
    assert.equal(
      nextStep(withRollout({ state: "Holding", step: 3, nextStepTime: ago(-5) }), NOW),
      "the rollout is complete at 12:00:05Z (in 5s)",
    );
  });

  test("a watch ends; that of a first revision, which is stable already, makes nothing of it", () => {
    const watched = (stableRevision: number, more: object) => {
      const filter = withRollout({ step: 3, steps: 3, watch: {}, ...more });
      return nextStep({ ...filter, status: { ...(filter.status ?? {}), revision: 4, stableRevision } }, NOW);
    };
    const holding = { state: "Holding", nextStepTime: ago(-13) };
    assert.equal(watched(3, holding), "the watch ends, and it is stable, at 12:00:13Z (in 13s)");
    assert.equal(watched(4, holding), "the watch ends at 12:00:13Z (in 13s)");
    assert.match(watched(3, { state: "Progressing" }), /^it is watched once every proxy of this wave acknowledged; /);
  });

  test("a wave that waits for proxies tells when it counts as failed", () => {
    assert.match(
      nextStep(withRollout({}), NOW),
      /once every proxy of this wave acknowledged; otherwise it rolls back by itself at 12:09:00Z \(in 9m\)$/,
    );
    const manual = withRollout({});
    const spec = { ...manual.spec, rollout: { ...manual.spec.rollout, autoRollback: false } };
    assert.match(nextStep({ ...manual, spec }, NOW), /otherwise the rollout counts as failed at 12:09:00Z/);
  });

  test("a paused rollout names the command that goes on: resume for a person's pause, promote for a step's", () => {
    assert.match(nextStep(withRollout({ state: "Paused" }, { [ROLLOUT_PAUSED]: "true" }), NOW), /weir rollout resume add-header/);
    assert.match(nextStep(withRollout({ state: "Paused" }), NOW), /weir rollout promote add-header/);
  });

  test("a failed rollout says what it takes to try again; suspend says that nothing moves", () => {
    assert.match(nextStep(withRollout({ state: "RolledBack" }), NOW), /until the spec or its digest changes/);
    assert.match(nextStep({ ...rolling, spec: { ...rolling.spec, suspend: true } }, NOW), /spec\.suspend/);
  });
});

describe("times", () => {
  test("ages read as kubectl's", () => {
    const cases: [number, string][] = [
      [-5, "0s"],
      [119, "119s"],
      [125, "2m5s"],
      [600, "10m"],
      [3 * 3600, "3h"],
      [3 * 3600 + 300, "3h5m"],
      [47 * 3600, "47h"],
      [50 * 3600, "2d2h"],
      [40 * 86_400, "40d"],
    ];
    for (const [seconds, text] of cases) assert.equal(duration(seconds * 1000), text);
    assert.equal(age(undefined, NOW), "<unknown>");
    assert.equal(clock(NOW + 86_400_000, NOW), "2026-03-02 12:00:00Z");
  });
});
