import assert from "node:assert/strict";
import { test } from "node:test";
import { createFairTurns } from "./fair-turns.ts";

/** Tasks that end when they are told to; `began`: in which order they began. */
function startTurns(options: Parameters<typeof createFairTurns>[0]) {
  const turns = createFairTurns(options);
  const began: string[] = [];
  const ends = new Map<string, PromiseWithResolvers<string>>();
  const run = (key: string, name: string) =>
    turns.run(key, () => {
      began.push(name);
      const end = Promise.withResolvers<string>();
      ends.set(name, end);
      return end.promise;
    });
  const end = async (name: string) => {
    ends.get(name)?.resolve(name);
    await new Promise(setImmediate);
  };
  return { run, end, began, fail: (name: string) => ends.get(name)?.reject(new Error(name)) };
}

test("a few tasks run at once, and who waits takes turns by key", async () => {
  const { run, end, began } = startTurns({ places: 2, waiting: 10, waitingPerKey: 10 });
  const done = [run("a", "a1"), run("a", "a2"), run("a", "a3"), run("a", "a4"), run("b", "b1"), run("b", "b2")];
  await new Promise(setImmediate);
  assert.deepEqual(began, ["a1", "a2"]);
  for (const name of ["a1", "a2", "a3", "b1", "a4", "b2"]) await end(name);
  assert.deepEqual(began, ["a1", "a2", "a3", "b1", "a4", "b2"]);
  assert.deepEqual(await Promise.all(done), ["a1", "a2", "a3", "a4", "b1", "b2"]);
});

test("what is beyond the bounds is not run; a key that fills its line leaves room for others", async () => {
  const { run, end, began } = startTurns({ places: 1, waiting: 2, waitingPerKey: 1 });
  const held = [run("a", "a1"), run("a", "a2")];
  await new Promise(setImmediate);
  assert.equal(await run("a", "a3"), undefined);
  held.push(run("b", "b1"));
  assert.equal(await run("c", "c1"), undefined);
  for (const name of ["a1", "a2", "b1"]) await end(name);
  await Promise.all(held);
  assert.deepEqual(began, ["a1", "a2", "b1"]);
});

test("where no more may wait in all, the key that has most waiting gives way to one that has fewer", async () => {
  const { run, end, began } = startTurns({ places: 1, waiting: 4, waitingPerKey: 4 });
  const flood = ["a1", "a2", "a3", "a4", "a5"].map((name) => run("a", name));
  await new Promise(setImmediate);
  const others = [run("b", "b1"), run("c", "c1")];
  await new Promise(setImmediate);
  assert.deepEqual(await Promise.all(flood.slice(3)), [undefined, undefined], "the last ones of the longest line");
  assert.equal(await run("b", "b2"), undefined, "of equal lines none gives way");
  for (const name of ["a1", "a2", "b1", "c1", "a3"]) await end(name);
  await Promise.all([...flood, ...others]);
  assert.deepEqual(began, ["a1", "a2", "b1", "c1", "a3"]);
});

test("a task that fails gives its place on", async () => {
  const { run, end, fail, began } = startTurns({ places: 1, waiting: 1, waitingPerKey: 1 });
  const [first, second] = [run("a", "a1"), run("a", "a2")];
  await new Promise(setImmediate);
  fail("a1");
  await assert.rejects(first);
  await end("a2");
  assert.equal(await second, "a2");
  const third = run("a", "a3");
  await new Promise(setImmediate);
  await end("a3");
  assert.equal(await third, "a3");
  assert.deepEqual(began, ["a1", "a2", "a3"]);
});

test("a key with places of its own leaves the others to the rest, whatever it has waiting", async () => {
  const { run, end, began } = startTurns({ places: 2, placesPerKey: 1, waiting: 10, waitingPerKey: 10 });
  const done = [run("a", "a1"), run("a", "a2"), run("b", "b1"), run("b", "b2"), run("c", "c1")];
  await new Promise(setImmediate);
  assert.deepEqual(began, ["a1", "b1"]);
  await end("b1");
  assert.deepEqual(began, ["a1", "b1", "b2"]);
  for (const name of ["b2", "a1", "c1", "a2"]) await end(name);
  assert.deepEqual(began, ["a1", "b1", "b2", "c1", "a2"]);
  assert.deepEqual(await Promise.all(done), ["a1", "a2", "b1", "b2", "c1"]);
});
