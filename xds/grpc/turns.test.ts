import assert from "node:assert/strict";
import { test } from "node:test";
import { Share, Turns, type Worker } from "./turns.ts";

/** A clock that the work itself moves, and a loop whose turns the test makes. */
function createLoop() {
  let now = 0;
  const tasks: (() => void)[] = [];
  const done: string[] = [];
  const turns = new Turns(
    () => now,
    (task) => tasks.push(task),
  );
  /** Work of so many steps, each of which takes so long. */
  const work = (name: string, steps: number, ms: number): Worker => ({
    step() {
      steps -= 1;
      now += ms;
      done.push(name);
      return steps > 0;
    },
  });
  const turn = () => {
    for (const task of tasks.splice(0)) task();
    return done.splice(0).join("");
  };
  const passed = (ms: number) => {
    now += ms;
  };
  return { turns, work, turn, done, passed };
}

test("what comes alone is done at once, one step of it", () => {
  const { turns, work, turn, done } = createLoop();
  turns.offer(new Share(), work("a", 2, 1));
  assert.deepEqual(done.splice(0), ["a"]);
  assert.equal(turn(), "a");
});

test("a turn of the event loop is no longer than its slice and one step", () => {
  const { turns, work, turn, done } = createLoop();
  for (const name of "abcdef") turns.offer(new Share(), work(name, 1, 2));
  assert.equal(done.splice(0).join(""), "abc");
  assert.equal(turn(), "");
  assert.equal(turn(), "def");
});

test("connections take turns, whatever each of them has waiting", () => {
  const { turns, work, turn } = createLoop();
  const greedy = new Share();
  for (const name of "aaaaaa") turns.offer(greedy, work(name, 2, 1));
  turns.offer(new Share(), work("b", 2, 1));
  assert.match(turn(), /^aab/, "one at once, then in turns");
});

test("who took much lately comes after who did not, and is forgiven with time", () => {
  const { turns, work, turn, done, passed } = createLoop();
  const greedy = new Share();
  turns.offer(greedy, work("a", 9, 20));
  assert.equal(done.splice(0).join(""), "a");
  turns.offer(new Share(), work("b", 1, 1));
  turns.offer(new Share(), work("c", 1, 1));
  assert.equal(turn(), "");
  assert.equal(turn(), "bca");
  passed(60_000);
  assert.ok(greedy.usedAt(60_000) < 1);
});
