import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Clock } from "../model/clock.ts";
import { silentLog } from "../model/log.ts";
import { silentMetrics } from "../model/metrics.ts";
import { createRefusals } from "./refusals.ts";

describe("clients that are refused", () => {
  test("each refused client is a line, until there are twenty in a minute: the rest is one number", () => {
    const lines: string[] = [];
    const reasons: string[] = [];
    const timers: (() => void)[] = [];
    const clock: Clock = {
      now: () => 0,
      after(_ms, run) {
        timers.push(run);
        return () => {};
      },
    };
    const log = { ...silentLog, warn: (message: string, facts?: object) => void lines.push(`${message} ${JSON.stringify(facts)}`) };
    const refused = createRefusals(log, clock, { ...silentMetrics, refusedClient: (reason) => reasons.push(reason) });
    for (let i = 0; i < 25; i++) refused(`10.0.0.1:${i}`, "protocol", "it does not speak HTTP/2");
    assert.equal(lines.length, 20);
    assert.equal(lines[0], 'a client was refused {"peer":"10.0.0.1:0","why":"it does not speak HTTP/2"}');
    refused("10.0.0.1:0", "protocol", "it does not speak HTTP/2");
    assert.equal(lines.length, 20, "what was told of a connection is not told again");
    assert.equal(timers.length, 1);
    timers[0]?.();
    assert.equal(lines.at(-1), 'more clients were refused {"clients":5,"seconds":60}');
    refused("10.0.0.2:1", "limit", "again");
    assert.equal(lines.length, 22);
    assert.equal(reasons.length, 27, "all of them are counted");
  });
});
