import assert from "node:assert/strict";
import { test } from "node:test";
import { type Holder, Unfinished } from "./unfinished.ts";

function createCalls(unfinished: Unfinished) {
  const evicted: string[] = [];
  const call = (name: string, connection: object): Holder => {
    const holder: Holder = {
      connection,
      evict() {
        evicted.push(name);
        unfinished.set(holder, 0);
      },
    };
    return holder;
  };
  return { evicted, call };
}

test("a connection that holds too much loses the call that asks for more", () => {
  const unfinished = new Unfinished(10, 100);
  const { evicted, call } = createCalls(unfinished);
  const connection = {};
  const [a, b] = [call("a", connection), call("b", connection)];
  unfinished.set(a, 8);
  unfinished.set(b, 2);
  assert.deepEqual(evicted, []);
  unfinished.set(b, 3);
  assert.deepEqual(evicted, ["b"]);
  unfinished.set(a, 10);
  assert.deepEqual(evicted, ["b"]);
});

test("when all together hold too much, the largest goes, not the one that came last", () => {
  const unfinished = new Unfinished(10, 20);
  const { evicted, call } = createCalls(unfinished);
  const greedy = {};
  unfinished.set(call("a", greedy), 4);
  unfinished.set(call("b", greedy), 5);
  unfinished.set(call("c", {}), 8);
  unfinished.set(call("d", {}), 4);
  assert.deepEqual(evicted, ["b"]);
});
