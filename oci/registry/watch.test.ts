import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Clock } from "../../model/clock.ts";
import { MIN_BYTES_PER_SECOND, Watch } from "./watch.ts";

/** A clock that stands until a test moves it. */
function createClock(): Clock & { pass(ms: number): void; pending(): number } {
  let now = 0;
  const timers = new Set<{ readonly at: number; readonly run: () => void }>();
  return {
    now: () => now,
    after(ms, run) {
      const timer = { at: now + ms, run };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    pass(ms) {
      now += ms;
      for (const timer of [...timers].filter(({ at }) => at <= now)) {
        timers.delete(timer);
        timer.run();
      }
    },
    pending: () => timers.size,
  };
}

function watched(idleTimeoutMs = 30_000) {
  const clock = createClock();
  const watch = new Watch({ clock, idleTimeoutMs, totalTimeoutMs: 900_000, uploadBytes: 0, signal: undefined });
  const come = (bytes: number) => {
    watch.came(new Uint8Array(bytes));
    watch.resume();
  };
  return { clock, watch, come };
}

describe("a body", () => {
  test("that comes a byte each 29 seconds is given up within the minute, as slow", () => {
    const { clock, watch, come } = watched();
    watch.alive();
    clock.pass(29_000);
    come(1);
    assert.equal(watch.reason, undefined);
    clock.pass(29_000);
    assert.equal(watch.reason, "slow");
    assert.equal(watch.signal.aborted, true);
  });

  test("that comes as fast as it must has all its time, in pieces of any size", () => {
    const { clock, watch, come } = watched();
    watch.alive();
    for (let second = 0; second < 600; second++) {
      clock.pass(1_000);
      come(MIN_BYTES_PER_SECOND);
    }
    assert.equal(watch.reason, undefined);
    clock.pass(29_000);
    assert.equal(watch.reason, undefined, "a pause is well");
    come(60 * MIN_BYTES_PER_SECOND);
    clock.pass(29_000);
    assert.equal(watch.reason, undefined, "what came at once makes up for it");
  });

  test("does not earn more than the idle time, however fast it began", () => {
    const { clock, watch, come } = watched();
    come(64 << 20);
    clock.pass(30_000);
    assert.equal(watch.reason, "silent");
  });

  test("is not charged for the time of whoever reads it", () => {
    const { clock, watch } = watched();
    watch.came(new Uint8Array(1));
    clock.pass(600_000);
    assert.equal(watch.reason, undefined);
    watch.resume();
    clock.pass(29_000);
    assert.equal(watch.reason, undefined);
    watch.stop();
    assert.equal(clock.pending(), 0);
  });

  test("has no more than the total time", () => {
    const { clock, watch, come } = watched();
    for (let second = 0; second < 900; second++) {
      clock.pass(1_000);
      come(1 << 20);
    }
    assert.equal(watch.reason, "silent");
  });
});
