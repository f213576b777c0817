import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Digest } from "../../model/digest.ts";
import type { Resource } from "../protocol/resource.ts";
import { digestFixture, slowModules } from "../testing/modules.ts";
import { type Loaded, ModuleLoads } from "./module-loads.ts";

const [A, B] = [digestFixture("a"), digestFixture("b")];
const CODE = Buffer.from("code");

function resourceWith(...modules: Digest[]): Resource {
  return { typeUrl: "t", name: modules.join(), version: "1", modules, encode: () => [] };
}

function setUp() {
  const modules = slowModules();
  const done: [string, Loaded][] = [];
  const loads = new ModuleLoads<{ name: string }>(modules, ({ name }, loaded) => done.push([name, loaded]));
  const [one, two] = [{ name: "one" }, { name: "two" }];
  return { modules, loads, done, one, two };
}

describe("loading the modules of what is due", () => {
  test("a waiter is told once, when all modules of its resource are in memory, and finds them there", async () => {
    const { modules, loads, done, one } = setUp();
    const resource = resourceWith(A, B);
    loads.wait(one, resource);
    await modules.finish(A, CODE);
    modules.forget();
    assert.deepEqual(done, []);
    loads.wait(one, resource);
    await modules.finish(B, CODE);
    modules.forget();
    assert.deepEqual(done, [["one", { resource, missing: undefined }]]);
    assert.deepEqual([loads.peek(A), loads.peek(B)], [CODE, CODE]);
    loads.leave(one);
    assert.deepEqual([loads.peek(A), loads.peek(B)], [undefined, undefined]);
  });

  test("a module that several wait for is loaded once, and kept until the last of them has sent", async () => {
    const { modules, loads, done, one, two } = setUp();
    loads.wait(one, resourceWith(A));
    loads.wait(two, resourceWith(A, B));
    assert.deepEqual(modules.loading(), [A, B]);
    await modules.finish(A, CODE);
    modules.forget();
    assert.deepEqual(
      done.map(([name]) => name),
      ["one"],
    );
    loads.leave(one);
    assert.equal(loads.peek(A), CODE);
    loads.leave(two);
    assert.equal(loads.peek(A), undefined);
  });

  test("who leaves, or waits for something else, is not told of what it waited for before", async () => {
    const { modules, loads, done, one, two } = setUp();
    loads.wait(one, resourceWith(A));
    loads.wait(two, resourceWith(A));
    const next = resourceWith(B);
    loads.wait(one, next);
    loads.leave(two);
    await modules.finish(A, CODE);
    assert.deepEqual(done, []);
    await modules.finish(B, CODE);
    assert.deepEqual(done, [["one", { resource: next, missing: undefined }]]);
  });

  test("a module that cannot be had ends the wait at once, and is looked for anew the next time", async () => {
    const { modules, loads, done, one } = setUp();
    const resource = resourceWith(A, B);
    loads.wait(one, resource);
    await modules.finish(B, undefined);
    assert.deepEqual(done, [["one", { resource, missing: B }]]);
    await modules.finish(A, CODE);
    assert.equal(done.length, 1);
    loads.wait(one, resource);
    assert.deepEqual(modules.loading(), [B]);
    await modules.finish(B, CODE);
    assert.deepEqual(done[1], ["one", { resource, missing: undefined }]);
  });
});
