import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { describe, test } from "node:test";
import { createWorkQueue, type Requeue, type WorkQueueOptions } from "./work-queue.ts";

/** Time that a test moves by hand. */
function createHandClock() {
  let now = 0;
  const timers = new Set<{ at: number; run: () => void }>();
  return {
    now: () => now,
    after(ms: number, run: () => void) {
      const timer = { at: now + ms, run };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    async advance(ms: number) {
      const end = now + ms;
      for (;;) {
        const [due] = [...timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
        if (due === undefined) break;
        timers.delete(due);
        now = due.at;
        due.run();
        await turns();
      }
      now = end;
    },
  };
}

/** Lets the queue start and finish what it can. */
async function turns(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((done) => setImmediate(done));
}

function createScene(process: WorkQueueOptions["process"], more: Partial<WorkQueueOptions> = {}) {
  const clock = createHandClock();
  const failures: unknown[] = [];
  const queue = createWorkQueue({
    process,
    clock,
    failed: (_key, error) => failures.push(error),
    concurrency: 2,
    groupOf: (key) => key.split("/")[0] ?? "",
    backoff: (count) => 100 * 2 ** (count - 1),
    ...more,
  });
  return { clock, queue, failures };
}

/** A process whose turns end when the test says so. */
function createGate() {
  const started: string[] = [];
  const ends = new Map<string, (requeue: Requeue) => void>();
  return {
    started,
    process: (key: string) => {
      started.push(key);
      return new Promise<Requeue>((resolve) => ends.set(key, resolve));
    },
    async end(key: string, requeue: Requeue = {}) {
      ends.get(key)?.(requeue);
      await turns();
    },
  };
}

describe("a work queue", () => {
  test("takes a key that waits once, however often it was added", async () => {
    const done: string[] = [];
    const { queue } = createScene((key) => {
      done.push(key);
      return {};
    });
    for (let i = 0; i < 3; i++) queue.add("n/a");
    assert.equal(queue.depth(), 1);
    await turns();
    assert.deepEqual(done, ["n/a"]);
  });

  test("never processes a key twice at once: one added meanwhile comes again afterwards", async () => {
    const gate = createGate();
    const { queue } = createScene(gate.process);
    queue.add("n/a");
    await turns();
    queue.add("n/a");
    queue.add("n/a");
    await turns();
    assert.deepEqual(gate.started, ["n/a"]);
    await gate.end("n/a");
    assert.deepEqual(gate.started, ["n/a", "n/a"]);
    await gate.end("n/a");
    assert.deepEqual(gate.started, ["n/a", "n/a"]);
  });

  test("a group that has all that it may have waits without work, and others go on", async () => {
    const gate = createGate();
    const { queue } = createScene(gate.process, { concurrency: 3, groupConcurrency: 2 });
    for (const key of ["n/a", "n/b", "n/c"]) queue.add(key);
    await turns();
    assert.deepEqual(gate.started, ["n/a", "n/b"]);
    queue.add("m/a");
    await turns();
    assert.deepEqual(gate.started, ["n/a", "n/b", "m/a"]);
    await gate.end("n/a");
    assert.deepEqual(gate.started, ["n/a", "n/b", "m/a", "n/c"]);
  });

  test("processes no more keys at once than its bound, and groups take turns", async () => {
    const gate = createGate();
    const { queue } = createScene(gate.process);
    for (const key of ["noisy/1", "noisy/2", "noisy/3", "noisy/4", "quiet/1"]) queue.add(key);
    await turns();
    assert.deepEqual(gate.started, ["noisy/1", "quiet/1"]);
    await gate.end("noisy/1");
    assert.deepEqual(gate.started, ["noisy/1", "quiet/1", "noisy/2"]);
  });

  test("takes a delayed key up at the earliest of its times", async () => {
    const at: number[] = [];
    const { queue, clock } = createScene(() => {
      at.push(clock.now());
      return {};
    });
    queue.addAfter("n/a", 500);
    queue.addAfter("n/a", 200);
    queue.addAfter("n/a", 300);
    await clock.advance(1_000);
    assert.deepEqual(at, [200]);
    queue.addAfter("n/a", 0);
    await turns();
    assert.deepEqual(at, [200, 1_000]);
  });

  test("drops a delay when the key is processed before: process says again when to come back", async () => {
    const at: number[] = [];
    const { queue, clock } = createScene(() => {
      at.push(clock.now());
      return at.length === 1 ? { afterMs: 700 } : {};
    });
    queue.addAfter("n/a", 100);
    queue.add("n/a");
    await turns();
    await clock.advance(1_000);
    assert.deepEqual(at, [0, 700]);
  });

  test("backs off from a key that fails, longer each time, until it succeeds", async () => {
    const at: number[] = [];
    const { queue, clock, failures } = createScene(() => {
      at.push(clock.now());
      if (at.length === 2) throw new Error("a bug");
      return { retry: at.length < 4 };
    });
    queue.add("n/a");
    await turns();
    queue.addAfter("n/a", 10);
    await clock.advance(10_000);
    assert.deepEqual(at, [0, 100, 300, 700], "a delay cut a backoff short, or the backoff did not grow");
    assert.equal(failures.length, 1);
    queue.add("n/a");
    await turns();
    assert.equal(at.length, 5);
  });

  test("a promise that rejects is a failure like any other", async () => {
    let turn = 0;
    const { queue, clock, failures } = createScene(async () => {
      if (turn++ === 0) throw new Error("a bug");
      return {};
    });
    queue.add("n/a");
    await turns();
    await clock.advance(100);
    assert.deepEqual([turn, failures.length], [2, 1]);
  });

  test("forgets a key: what waits is dropped, and the answer of a turn under way is ignored", async () => {
    const gate = createGate();
    const { queue, clock } = createScene(gate.process);
    queue.addAfter("n/a", 100);
    queue.forget("n/a");
    await clock.advance(200);
    assert.deepEqual(gate.started, []);
    queue.add("n/a");
    await turns();
    queue.add("n/a");
    queue.forget("n/a");
    await gate.end("n/a", { retry: true });
    await clock.advance(10_000);
    assert.deepEqual(gate.started, ["n/a"]);
  });

  test("stops when the turns under way are over, and takes no more keys", async () => {
    const gate = createGate();
    const { queue, clock } = createScene(gate.process);
    queue.add("n/a");
    queue.addAfter("n/b", 100);
    await turns();
    let isStopped = false;
    const stopped = queue.stop().then(() => {
      isStopped = true;
    });
    queue.add("n/c");
    await clock.advance(1_000);
    assert.equal(isStopped, false);
    await gate.end("n/a", { afterMs: 1 });
    await stopped;
    await clock.advance(1_000);
    assert.deepEqual(gate.started, ["n/a"]);
  });

  test("lets the event loop run between many keys", async () => {
    let sockets = 0;
    const busy = () => {
      const end = performance.now() + 4;
      while (performance.now() < end);
      return {};
    };
    const { queue } = createScene(busy, { concurrency: 64 });
    for (let i = 0; i < 20; i++) queue.add(`n/${i}`);
    while (queue.depth() > 0) {
      sockets++;
      await new Promise((done) => setImmediate(done));
    }
    assert.ok(sockets >= 5, `${sockets} turns of the event loop in 80 ms of work`);
  });
});

test("a key's turn is not in the name of who added it, or of the key before", async () => {
  const name = new AsyncLocalStorage<string>();
  const names: unknown[] = [];
  const after = (ms: number, run: () => void) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  };
  const queue = createWorkQueue({
    process: (key) => {
      names.push([key, name.getStore()]);
      return name.run(key, () => {
        if (key === "a") queue.add("b");
        if (key === "b") queue.addAfter("c", 1);
        return {};
      });
    },
    failed: (_, error) => assert.fail(String(error)),
    concurrency: 1,
    groupOf: () => "",
    clock: { now: Date.now, after },
    backoff: () => 1,
  });
  name.run("somebody", () => queue.add("a"));
  while (names.length < 3) await new Promise((done) => setTimeout(done, 1));
  assert.deepEqual(names, [
    ["a", undefined],
    ["b", undefined],
    ["c", undefined],
  ]);
});
