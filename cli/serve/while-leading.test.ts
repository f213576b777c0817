import assert from "node:assert/strict";
import { test } from "node:test";
import { alone } from "../../model/leadership.ts";
import { whileLeading } from "./while-leading.ts";

/** A leadership that a test gives and takes, and a duty that tells what happens to it. `ending`: what its end waits for. */
function createScene(ending: Promise<void> = Promise.resolve()) {
  let isLeading = false;
  const listeners = new Set<(isLeading: boolean) => void>();
  const told: string[] = [];
  const leadership = {
    isLeading: () => isLeading,
    onChange(listener: (isLeading: boolean) => void) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
  const duty = () => {
    told.push("begins");
    return async () => {
      await ending;
      told.push("ended");
    };
  };
  const lead = (leads: boolean) => {
    isLeading = leads;
    for (const listener of listeners) listener(leads);
  };
  return { leadership, duty, told, lead };
}

const unexpected = (error: unknown) => assert.fail(String(error));
const settle = () => new Promise((done) => setImmediate(done));

test("a duty is done by who decides, and ends with that", async () => {
  const { leadership, duty, told, lead } = createScene();
  const stop = whileLeading(leadership, duty, unexpected);
  await settle();
  assert.deepEqual(told, []);
  for (const leads of [true, true, false, true]) {
    lead(leads);
    await settle();
  }
  assert.deepEqual(told, ["begins", "ended", "begins"]);
  await stop();
  lead(true);
  await settle();
  assert.deepEqual(told, ["begins", "ended", "begins", "ended"]);
});

test("the next one begins when the one before has ended, and none where nobody decides by then", async () => {
  let end = () => {};
  const { leadership, duty, told, lead } = createScene(
    new Promise((resolve) => {
      end = resolve;
    }),
  );
  const stop = whileLeading(leadership, duty, unexpected);
  for (const leads of [true, false, true]) {
    lead(leads);
    await settle();
  }
  assert.deepEqual(told, ["begins"]);
  end();
  await settle();
  assert.deepEqual(told, ["begins", "ended", "begins"]);
  await stop();
  assert.equal(told.length, 4);
});

test("who has no others beside it does it from the start", async () => {
  const { duty, told } = createScene();
  const stop = whileLeading(alone, duty, unexpected);
  await stop();
  assert.deepEqual(told, []);
  const other = whileLeading(alone, duty, unexpected);
  await settle();
  await other();
  assert.deepEqual(told, ["begins", "ended"]);
});

test("a beginning or an end that fails is told, and is over with that turn: the next one begins", async () => {
  const { leadership, duty, told, lead } = createScene();
  const wrong = ["begin", "end"];
  const stop = whileLeading(
    leadership,
    () => {
      if (wrong[0] === "begin") throw new Error(wrong.shift());
      const end = duty();
      return async () => {
        await end();
        if (wrong.length > 0) throw new Error(wrong.shift());
      };
    },
    (error) => told.push(String(error)),
  );
  await settle();
  for (const leads of [true, false, true, false, true]) {
    lead(leads);
    await settle();
  }
  await stop();
  assert.deepEqual(told, ["Error: begin", "begins", "ended", "Error: end", "begins", "ended"]);
});
