import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Facts, Log } from "../../model/log.ts";
import { silentLog } from "../../model/log.ts";
import { createWorld, specOf } from "../testing/world.ts";

const IMAGE = "registry.example/filters/add-header:1";

/** A log that keeps what was said of events. */
function createKeepingLog() {
  const lines: { event: unknown; rollout: unknown }[] = [];
  const keep = (_message: string, facts: Facts = {}) => {
    if (facts.event !== undefined) lines.push({ event: facts.event, rollout: facts.rollout });
  };
  const log: Log = { ...silentLog, info: keep, warn: keep };
  return { log, lines };
}

describe("an event in the log", () => {
  test("names the rollout of the revision that it is about, and none where it is about no revision", async () => {
    const { log, lines } = createKeepingLog();
    const world = createWorld(undefined, log);
    world.registry.push(IMAGE, "v1");
    await world.start();
    world.fleet.connect("a");
    world.source.apply("f", specOf(IMAGE, { pullPolicy: "Always", interval: "5s" }));
    await world.run();
    world.registry.push(IMAGE, "v2");
    await world.run(5_000);
    await world.run();
    world.registry.push(IMAGE, "junk");
    await world.run(6_000);
    const said = lines.map(({ event, rollout }) => `${event} ${String(rollout ?? "-").replace(/@.*/, "")}`);
    const of = (revision: number) => ["Validated", "RolloutStarted", "Succeeded"].map((event) => `${event} default/f#${revision}`);
    assert.deepEqual(said, [...of(1), ...of(2), "NotWasm -"]);
  });
});
