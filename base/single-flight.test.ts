import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createSingleFlight } from "./single-flight.ts";

describe("createSingleFlight", () => {
  test("one task per key at a time, a new one after it ended", async () => {
    const flights = createSingleFlight<number>();
    let starts = 0;
    const start = async () => ++starts;
    assert.deepEqual(await Promise.all([1, 2, 3].map(() => flights.run("k", start))), [1, 1, 1]);
    assert.equal(await flights.run("k", start), 2);
  });

  test("a failure is shared among equals only", async () => {
    const flights = createSingleFlight<string>({ isForAll: (outcome) => outcome !== "denied" });
    const starts: string[] = [];
    const run = (who: string) =>
      flights.run(
        "k",
        async () => {
          starts.push(who);
          return who === "bad" ? "denied" : who;
        },
        { identity: who },
      );
    assert.deepEqual(await Promise.all([run("bad"), run("bad"), run("good"), run("other")]), ["denied", "denied", "good", "good"]);
    assert.deepEqual(starts, ["bad", "good"]);
  });

  test("the task is aborted when the last caller leaves, and a later caller starts again", async () => {
    const flights = createSingleFlight<number>();
    const signals: AbortSignal[] = [];
    const start = (signal: AbortSignal) => {
      signals.push(signal);
      return new Promise<number>((resolve) => signal.addEventListener("abort", () => resolve(0)));
    };
    const [a, b] = [new AbortController(), new AbortController()];
    const first = flights.run("k", start, { signal: a.signal });
    const second = flights.run("k", start, { signal: b.signal });
    a.abort();
    assert.equal(await first, undefined);
    assert.equal(signals[0]?.aborted, false);
    b.abort();
    assert.equal(await second, undefined);
    assert.equal(signals[0]?.aborted, true);
    assert.equal(await flights.run("k", async () => 7), 7);
  });

  test("a task that throws rejects foreveryone who waits, and the key is free again", async () => {
    const flights = createSingleFlight<number>();
    const start = () => Promise.reject(new Error("broken"));
    const waiting = [1, 2].map(() => flights.run("k", start, { signal: AbortSignal.timeout(60_000) }));
    for (const outcome of await Promise.allSettled(waiting)) assert.equal(outcome.status, "rejected");
    assert.equal(await flights.run("k", async () => 7), 7);
  });
});
