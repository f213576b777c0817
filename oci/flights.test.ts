import assert from "node:assert/strict";
import { test } from "node:test";
import { fail, ok, type Result } from "../model/result.ts";
import { createFlights, createLimiter } from "./flights.ts";
import { failed, valued } from "./testing/result.ts";

test("one task per key at a time, a new one after it ended", async () => {
  const flights = createFlights<number>();
  let starts = 0;
  const start = async () => ok(++starts);
  assert.deepEqual((await Promise.all([1, 2, 3].map(() => flights.join("k", "me", undefined, start)))).map(valued), [1, 1, 1]);
  assert.equal(valued(await flights.join("k", "me", undefined, start)), 2);
});

test("a failure is shared among equals only", async () => {
  const flights = createFlights<string>();
  const starts: string[] = [];
  const join = (who: string) =>
    flights.join("k", who, undefined, async () => {
      starts.push(who);
      return who === "bad" ? fail("Denied", "no") : ok(who);
    });
  const [a, b, c, d] = await Promise.all([join("bad"), join("bad"), join("good"), join("other")]);
  assert.ok(a && b && c && d);
  failed(a, "Denied");
  failed(b, "Denied");
  assert.equal(valued(c), "good");
  assert.equal(valued(d), "good");
  assert.deepEqual(starts, ["bad", "good"]);
});

test("the task is aborted when the last caller leaves, and a later caller starts anew", async () => {
  const flights = createFlights<number>();
  const signals: AbortSignal[] = [];
  const start = (signal: AbortSignal) => {
    signals.push(signal);
    return new Promise<Result<number>>((resolve) => signal.addEventListener("abort", () => resolve(fail("Aborted", ""))));
  };
  const [a, b] = [new AbortController(), new AbortController()];
  const first = flights.join("k", "me", a.signal, start);
  const second = flights.join("k", "me", b.signal, start);
  a.abort();
  failed(await first, "Canceled");
  assert.equal(signals[0]?.aborted, false);
  b.abort();
  failed(await second, "Canceled");
  assert.equal(signals[0]?.aborted, true);
  assert.equal(valued(await flights.join("k", "me", undefined, async () => ok(7))), 7);
});

test("the limiter runs no more than its limit at once, in order, also past failures", async () => {
  const limited = createLimiter(2);
  let running = 0;
  let most = 0;
  const order: number[] = [];
  const tasks = Array.from({ length: 10 }, (_, i) =>
    limited(async () => {
      order.push(i);
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      if (i === 3) throw new Error("3");
    }),
  );
  const outcomes = await Promise.allSettled(tasks);
  assert.equal(outcomes.filter(({ status }) => status === "rejected").length, 1);
  assert.equal(most, 2);
  assert.deepEqual(order, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});
