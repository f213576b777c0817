import assert from "node:assert/strict";
import { test } from "node:test";
import { createProverPool } from "./pool.ts";
import type { Prover } from "./prover.ts";

const prover: Prover = { send: () => undefined, listen: () => undefined, usage: () => undefined, kill: () => undefined, hasEnded: false };
const bounds = { heapMb: 1, residentMb: 1, cpuSeconds: 1 };
const turn = (): Promise<void> => new Promise((done) => setImmediate(done));

test("the proofs of one namespace leave a place to the others", async () => {
  const started: string[] = [];
  const ends = new Map<string, () => void>();
  const pool = createProverPool({ size: 3, ahead: 0, bounds, provers: { start: () => prover } });
  const use = (name: string) => () => {
    started.push(name);
    return new Promise<void>((done) => ends.set(name, done));
  };
  const all = ["a1", "a2", "a3", "a4", "b1", "b2", "c1"].map((name) => pool.run(name.slice(0, 1), use(name)));
  await turn();
  assert.deepEqual(started, ["a1", "a2", "b1"]);
  for (const next of ["b1", "b2", "c1"]) {
    ends.get(next)?.();
    await turn();
  }
  assert.deepEqual(started, ["a1", "a2", "b1", "b2", "c1"], "a has all that it may have; the place that is left is for others");
  for (const name of ["a1", "a2", "a3", "a4"]) {
    ends.get(name)?.();
    await turn();
  }
  await Promise.all(all);
  assert.deepEqual(started.slice(5), ["a3", "a4"]);
});

test("who wants to be alone waits until nobody works, and nobody begins meanwhile", async () => {
  const started: string[] = [];
  const ends = new Map<string, () => void>();
  const pool = createProverPool({ size: 3, ahead: 0, bounds, provers: { start: () => prover } });
  const run = (name: string, alone = false) =>
    pool.run(
      name.slice(0, 1),
      () => {
        started.push(name);
        return new Promise<void>((done) => ends.set(name, done));
      },
      { alone },
    );
  const end = async (name: string): Promise<void> => {
    ends.get(name)?.();
    await turn();
  };
  const all = [run("a1"), run("b1"), run("a2", true), run("b2"), run("c1")];
  await turn();
  assert.deepEqual(started, ["a1", "b1"], "a2 is next, and wants all places");
  await end("a1");
  assert.equal(started.length, 2);
  await end("b1");
  assert.deepEqual(started, ["a1", "b1", "a2"]);
  await end("a2");
  assert.deepEqual(started.slice(3), ["b2", "c1"]);
  for (const name of ["b2", "c1"]) await end(name);
  await Promise.all(all);
});

test("who is called off while waiting never starts", async () => {
  const pool = createProverPool({ size: 1, ahead: 0, bounds, provers: { start: () => prover } });
  let end: () => void = () => undefined;
  const first = pool.run("a", () => new Promise<void>((done) => (end = done)));
  const stop = new AbortController();
  const second = pool.run("a", () => assert.fail("it started"), { signal: stop.signal });
  stop.abort();
  assert.equal(await second, undefined);
  end();
  await first;
  assert.equal(await pool.run("a", async () => "free again"), "free again");
});

test("another is started ahead when a proof is over, not while it begins", async () => {
  let started = 0;
  const start = (): Prover => {
    started += 1;
    return prover;
  };
  const pool = createProverPool({ size: 1, ahead: 1, bounds, provers: { start } });
  await pool.run("a", async () => assert.equal(started, 1));
  assert.equal(started, 2);
});

test("a prover that cannot be started keeps no place, and holds up nobody who waits", async () => {
  let fails = true;
  const start = (): Prover => {
    if (fails) throw new Error("spawn ENOMEM");
    return prover;
  };
  const pool = createProverPool({ size: 1, ahead: 0, bounds, provers: { start } });
  const failed = await Promise.allSettled(["a", "a", "b"].map((name) => pool.run(name, async () => "proved")));
  assert.deepEqual(
    failed.map(({ status }) => status),
    ["rejected", "rejected", "rejected"],
  );
  fails = false;
  assert.equal(await pool.run("a", async () => "proved"), "proved");
});

test("a proof that may come later comes after all else of its namespace, and holds up no other namespace", async () => {
  const started: string[] = [];
  const ends = new Map<string, () => void>();
  const pool = createProverPool({ size: 2, ahead: 0, bounds, provers: { start: () => prover } });
  const run = (name: string, later = false) =>
    pool.run(
      name.slice(0, 1),
      () => {
        started.push(name);
        return new Promise<void>((done) => ends.set(name, done));
      },
      { later },
    );
  const end = async (name: string): Promise<void> => {
    ends.get(name)?.();
    await turn();
  };
  const all = [run("a1"), run("a-plan", true), run("a2"), run("a3"), run("b-plan", true), run("b1")];
  await turn();
  assert.deepEqual(started, ["a1", "b-plan"], "the only one of its namespace begins at once");
  await end("a1");
  await end("b-plan");
  assert.deepEqual(started.slice(2).sort(), ["a2", "b1"]);
  for (const name of ["a2", "b1", "a3", "a-plan"]) await end(name);
  assert.deepEqual(started.slice(4), ["a3", "a-plan"]);
  await Promise.all(all);
});
