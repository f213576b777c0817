import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { createFakeClock } from "../../../model/testing/fake-clock.ts";
import { filter } from "../../testing/test-folder.ts";
import { createScanner } from "./scanner.ts";

const [QUIET, SETTLE] = [10, 100];

/** A scanner that has seen a folder with these files, on a clock that stands still. */
async function scannerOn(t: TestContext, files: Readonly<Record<string, string>> = {}) {
  const dir = await mkdtemp(join(tmpdir(), "weir-scanner-"));
  t.after(() => rm(dir, { recursive: true }));
  const write = (name: string, text: string) => writeFile(join(dir, name), text);
  for (const [name, text] of Object.entries(files)) await write(name, text);
  const clock = createFakeClock();
  const scanner = createScanner({ dir, known: [], clock, quietMs: QUIET, settleMs: SETTLE });
  await scanner.scan();
  /** Names of the files that a scan finds changed, and when it wants to look again. */
  const scan = async (afterMs = 0) => {
    await clock.advance(afterMs);
    const { changed, removed, again } = await scanner.scan();
    return { changed: [...changed.keys()], removed, again };
  };
  return { dir, write, scan };
}

describe("a scanner", () => {
  test("takes a file that reads as whole when it looks the same a second time", async (t) => {
    const { write, scan } = await scannerOn(t);
    await write("a.yaml", filter("a"));
    assert.deepEqual(await scan(), { changed: [], removed: [], again: QUIET });
    assert.deepEqual(await scan(QUIET - 1), { changed: [], removed: [], again: 1 });
    assert.deepEqual(await scan(1), { changed: ["a.yaml"], removed: [], again: undefined });
    assert.deepEqual(await scan(SETTLE), { changed: [], removed: [], again: undefined });
  });

  test("begins anew with a file that changed between two looks, and takes it again when it changes after", async (t) => {
    const { write, scan } = await scannerOn(t);
    await write("a.yaml", filter("a"));
    await scan();
    await write("a.yaml", filter("a", "a/longer:1"));
    assert.deepEqual(await scan(QUIET), { changed: [], removed: [], again: QUIET });
    assert.deepEqual((await scan(QUIET)).changed, ["a.yaml"]);
    await write("a.yaml", filter("a", "a/b:1"));
    await scan();
    assert.deepEqual((await scan(QUIET)).changed, ["a.yaml"]);
  });

  test("takes no half of a file, wherever it was cut, while a file that is not whole may still grow", async (t) => {
    const whole = `# two\n${filter("a", "registry.example/a/b:1", "  config: {a: 1}\n")}---\n${filter("b")}`;
    const { write, scan } = await scannerOn(t, { "a.yaml": whole });
    for (let end = 0; end < whole.length; end += 3) {
      const part = whole.slice(0, end);
      await write("a.yaml", part);
      await scan();
      assert.deepEqual(await scan(QUIET), { changed: [], removed: [], again: SETTLE - QUIET }, JSON.stringify(part.slice(-40)));
      assert.deepEqual((await scan(SETTLE - QUIET - 1)).changed, []);
      await write("a.yaml", `${whole}# ${end}\n`);
      await scan();
      assert.deepEqual((await scan(QUIET)).changed, ["a.yaml"]);
    }
  });

  test("takes JSON without a line's end, as a half of it is none", async (t) => {
    const { write, scan } = await scannerOn(t);
    const json = { apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: { name: "a" }, spec: { image: "a/b:1" } };
    await write("a.json", JSON.stringify(json));
    await scan();
    assert.deepEqual((await scan(QUIET)).changed, ["a.json"]);
  });

  test("takes what is wrong, empty or lacks an object once it stood still for long", async (t) => {
    const { write, scan } = await scannerOn(t, { "a.yaml": `${filter("a")}---\n${filter("b")}` });
    for (const text of ["a: [", "", filter("a"), filter("a").replace("image", "imagee")]) {
      await write("a.yaml", text);
      await scan();
      assert.deepEqual((await scan(QUIET)).changed, [], text);
      assert.deepEqual((await scan(SETTLE - QUIET)).changed, ["a.yaml"], text);
      await write("a.yaml", `${filter("a")}---\n${filter("b")}`);
      await scan();
      assert.deepEqual((await scan(SETTLE)).changed, ["a.yaml"]);
    }
  });

  test("takes a file away once it stayed away for long", async (t) => {
    const { dir, scan } = await scannerOn(t, { "a.yaml": filter("a") });
    await rm(join(dir, "a.yaml"));
    assert.deepEqual(await scan(), { changed: [], removed: [], again: SETTLE });
    assert.deepEqual(await scan(SETTLE - 1), { changed: [], removed: [], again: 1 });
    assert.deepEqual(await scan(1), { changed: [], removed: ["a.yaml"], again: undefined });
  });
});
