import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Pulse } from "./pulse.ts";

/** A proxy that is looked at once a second; `reports` and `answers` say what it does in a second. */
function watch() {
  const pulse = new Pulse();
  let now = 0;
  let calls = 0;
  let waiting: ((answered: boolean) => void)[] = [];
  const connection = { probe: (done: (answered: boolean) => void) => void waiting.push(done) };
  return {
    pulse,
    connection,
    calls: () => calls,
    /** The clock goes on, or back, and nobody looks. */
    pass(ms: number) {
      now += ms;
    },
    live(seconds: number, { reports, answers }: { readonly reports: number; readonly answers: boolean }) {
      for (let i = 0; i < seconds; i++) {
        now += 1_000;
        if (reports > 0 && (now / 1_000) % reports === 0) pulse.heard(now, connection);
        pulse.look(() => calls++);
        if (!answers) continue;
        for (const done of waiting) done(true);
        waiting = [];
      }
    },
  };
}

const WELL = { reports: 1, answers: true };
const SILENT = { reports: 0, answers: true };
const DEAF = { reports: 0, answers: false };

describe("a proxy's workers", () => {
  test("hang when reports stay out although the main thread answers", () => {
    const { pulse, live, calls } = watch();
    live(5, WELL);
    live(4, SILENT);
    assert.equal(pulse.hungSince, undefined);
    live(2, SILENT);
    assert.equal(pulse.hungSince, 5_000);
    live(20, SILENT);
    assert.equal(calls(), 1);
  });

  test("do not hang while the main thread is busy, or the network is gone", () => {
    const { pulse, live } = watch();
    live(5, WELL);
    live(60, DEAF);
    live(1, WELL);
    live(3, SILENT);
    assert.equal(pulse.hungSince, undefined);
  });

  test("do not hang where reports are rare", () => {
    const { pulse, live } = watch();
    live(300, { reports: 60, answers: true });
    live(59, SILENT);
    assert.equal(pulse.hungSince, undefined);
    live(125, SILENT);
    assert.equal(pulse.hungSince, 300_000);
  });

  test("are not judged where no reports come, or one only", () => {
    const { pulse, live } = watch();
    live(60, SILENT);
    live(1, WELL);
    live(60, SILENT);
    assert.equal(pulse.hungSince, undefined);
  });

  test("hung when the proxy is gone after it was silent and answered", () => {
    const { pulse, live } = watch();
    live(5, WELL);
    live(3, SILENT);
    pulse.lost();
    assert.equal(pulse.hungSince, 5_000);
    live(1, WELL);
    assert.equal(pulse.hungSince, undefined);
  });

  test("did not hang when a proxy is gone that was well", () => {
    const { pulse, live } = watch();
    live(5, WELL);
    live(1, SILENT);
    pulse.lost();
    live(60, SILENT);
    assert.equal(pulse.hungSince, undefined);
  });

  test("do not hang while only one of the pauses between reports is long: what comes between them may be asked for", () => {
    const { pulse, live } = watch();
    for (let i = 0; i < 3; i++) {
      live(1, WELL);
      live(29, SILENT);
    }
    live(2, WELL);
    live(40, SILENT);
    assert.equal(pulse.hungSince, undefined);
  });

  test("are not judged over a pause of this process, in which nothing was looked at", () => {
    const { pulse, live, pass } = watch();
    live(5, WELL);
    pass(3_600_000);
    live(3, SILENT);
    pass(-7_200_000);
    live(1, SILENT);
    assert.equal(pulse.hungSince, undefined);
    live(2, SILENT);
    assert.equal(pulse.hungSince, 5_000);
  });

  test("are judged anew in a new process", () => {
    const { pulse, live } = watch();
    live(5, WELL);
    live(10, SILENT);
    pulse.lost();
    assert.equal(pulse.hungSince, 5_000);
    pulse.renewed(15_000);
    assert.equal(pulse.hungSince, undefined);
    live(60, SILENT);
    assert.equal(pulse.hungSince, undefined);
  });

  test("stay hung over a lost connection of the same process", () => {
    const { pulse, live } = watch();
    live(5, WELL);
    live(10, SILENT);
    pulse.lost();
    live(60, SILENT);
    assert.equal(pulse.hungSince, 5_000);
  });

  test("are judged from the connection on where the proxy says how often it reports", () => {
    const { pulse, connection, live, calls } = watch();
    pulse.opened(0, connection, 1_000);
    live(4, SILENT);
    assert.equal(pulse.hungSince, undefined);
    live(3, SILENT);
    assert.equal(pulse.hungSince, 0);
    assert.equal(calls(), 1);
    live(1, WELL);
    assert.equal(pulse.hungSince, undefined);
  });

  test("have the time that the proxy says, and that its main thread is busy", () => {
    const slow = watch();
    slow.pulse.opened(0, slow.connection, 60_000);
    slow.live(178, SILENT);
    assert.equal(slow.pulse.hungSince, undefined);
    slow.live(4, SILENT);
    assert.equal(slow.pulse.hungSince, 0);
    const busy = watch();
    busy.pulse.opened(0, busy.connection, 1_000);
    busy.live(60, DEAF);
    busy.live(1, WELL);
    assert.equal(busy.pulse.hungSince, undefined);
  });

  test("do not hang while reports come on another connection, as in a hot restart", () => {
    const { pulse, connection, live } = watch();
    pulse.opened(0, connection, 1_000);
    live(5, WELL);
    for (let i = 0; i < 30; i++) {
      live(1, SILENT);
      pulse.heardElsewhere();
    }
    assert.deepEqual([pulse.hungSince, pulse.expectedMs], [undefined, undefined]);
  });

  test("ended when a new process follows one whose reports were overdue, and not when it follows one that was well", () => {
    const ends = [
      { silent: SILENT, seconds: 4, ended: true },
      { silent: DEAF, seconds: 4, ended: true },
      { silent: SILENT, seconds: 1, ended: false },
    ];
    for (const { silent, seconds, ended } of ends) {
      const { pulse, connection, live } = watch();
      live(5, WELL);
      live(seconds, silent);
      pulse.lost();
      pulse.opened(20_000, connection, 1_000);
      pulse.renewed(20_000);
      assert.deepEqual([pulse.endedAt, pulse.hungSince], [ended ? 20_000 : undefined, undefined]);
      live(8, WELL);
      pulse.lost();
      pulse.renewed(30_000);
      assert.equal(pulse.endedAt, ended ? 20_000 : undefined);
    }
  });

  test("did not end when the same process comes back after its reports were overdue", () => {
    const { pulse, connection, live } = watch();
    pulse.opened(0, connection, 1_000);
    live(5, WELL);
    live(4, DEAF);
    pulse.lost();
    pulse.opened(10_000, connection, 1_000);
    live(3, WELL);
    pulse.lost();
    pulse.opened(15_000, connection, 1_000);
    pulse.renewed(15_000);
    assert.equal(pulse.endedAt, undefined);
  });

  test("are alive again with the next report", () => {
    const { pulse, live } = watch();
    live(5, WELL);
    live(10, SILENT);
    assert.notEqual(pulse.hungSince, undefined);
    live(1, WELL);
    assert.equal(pulse.hungSince, undefined);
  });
});
