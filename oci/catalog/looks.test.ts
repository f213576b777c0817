import assert from "node:assert/strict";
import { describe, test } from "node:test";
import pLimit from "p-limit";
import { fail, ok, type Result } from "../../model/result.ts";
import { createLooks } from "./looks.ts";

function scene(waitMs = 1_000) {
  const state = { now: 0, reads: 0, answer: ok("one") as Result<string>, until: Promise.resolve() };
  const look = createLooks<string>({
    async read() {
      state.reads++;
      await state.until;
      return state.answer;
    },
    clock: { now: () => state.now, after: () => () => {} },
    freshMs: 100,
    retryMs: 10,
    readMs: 60_000,
    waitMs,
    most: 2,
    turns: pLimit(1),
  });
  return { state, look };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("looks at registries", () => {
  test("the first waits a moment; a fresh answer is given again; an old one at once, and made anew meanwhile", async () => {
    const { state, look } = scene();
    assert.deepEqual(await look("a"), { value: "one", at: 0, problem: undefined, isReading: false });
    state.now = 99;
    await look("a");
    assert.equal(state.reads, 1);
    state.now = 100;
    state.answer = ok("two");
    assert.deepEqual(await look("a"), { value: "one", at: 0, problem: undefined, isReading: true });
    await turn();
    assert.deepEqual(await look("a"), { value: "two", at: 100, problem: undefined, isReading: false });
  });

  test("a registry that does not answer holds up no page, and many pages ask it once", async () => {
    const { state, look } = scene(1);
    const { promise, resolve } = Promise.withResolvers<void>();
    state.until = promise;
    const shown = await Promise.all([look("a"), look("a"), look("a")]);
    assert.deepEqual(shown[0], { value: undefined, at: undefined, problem: undefined, isReading: true });
    assert.equal(state.reads, 1);
    resolve();
    await turn();
    assert.equal((await look("a")).value, "one");
  });

  test("a failure is told beside what was known, and tried again soon", async () => {
    const { state, look } = scene();
    await look("a");
    state.now = 200;
    state.answer = fail("RegistryUnavailable", "it is away");
    await look("a");
    await turn();
    assert.deepEqual(await look("a"), { value: "one", at: 0, problem: "it is away", isReading: false });
    state.now = 210;
    state.answer = ok("back");
    await look("a");
    await turn();
    assert.deepEqual(await look("a"), { value: "back", at: 210, problem: undefined, isReading: false });
  });

  test("a bounded number is kept", async () => {
    const { state, look } = scene();
    for (const key of ["a", "b", "c", "a"]) await look(key);
    assert.equal(state.reads, 4, "the oldest was forgotten");
  });
});
