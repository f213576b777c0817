import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { digestOf } from "../../model/digest.ts";
import { ok, type Result } from "../../model/result.ts";
import { compress, tar, wasm } from "../testing/images.ts";
import { failed, valued } from "../testing/result.ts";
import { extractModule } from "./extract.ts";
import { MemorySink } from "./sink.ts";

const limits = { moduleBytes: 1 << 20, inflatedBytes: 2 << 20 };
async function extracted(layer: Uint8Array, signal?: AbortSignal): Promise<Result<Uint8Array>> {
  const sink = new MemorySink();
  const found = await extractModule(pieces(layer), sink, { ...limits, where: "layer L of r.example/f", signal });
  if (found.ok) assert.deepEqual(found.value, { wasmDigest: digestOf(sink.bytes), size: sink.bytes.byteLength });
  return found.ok ? ok(sink.bytes) : found;
}

/** In pieces of 1,000 bytes, the first of them of three: less than tells what it is. */
async function* pieces(layer: Uint8Array): AsyncGenerator<Uint8Array> {
  yield layer.subarray(0, 3);
  for (let at = 3; at < layer.byteLength; at += 1_000) yield layer.subarray(at, at + 1_000);
}

const MODULE = wasm("module", 200_000);

describe("which file is the module", () => {
  for (const [name, pack] of Object.entries(compress)) {
    test(`takes plugin.wasm out of a ${name} tar, whatever lies beside it`, async () => {
      const layer = pack(
        await tar([
          { name: "etc/", type: "directory" },
          { name: "etc/link", type: "symlink" },
          { name: "other.wasm", bytes: wasm("other") },
          { name: "./plugin.wasm", bytes: MODULE },
          { name: "z.txt", bytes: new Uint8Array(100_000) },
        ]),
      );
      assert.deepEqual(valued(await extracted(layer)), MODULE);
    });
  }

  test("takes the only *.wasm when none is called plugin.wasm, and plugin.wasm in a folder", async () => {
    assert.deepEqual(valued(await extracted(await tar([{ name: "a/b/c.wasm", bytes: MODULE }]))), MODULE);
    const inFolder = await tar([
      { name: "a/plugin.wasm", bytes: MODULE },
      { name: "x.wasm", bytes: wasm("x") },
    ]);
    assert.deepEqual(valued(await extracted(inFolder)), MODULE);
  });

  test("refuses none, two, and two called plugin.wasm", async () => {
    failed(await extracted(await tar([{ name: "readme.txt", bytes: MODULE }])), "NoWasmFile");
    failed(await extracted(await tar([])), "NoWasmFile");
    const two = failed(await extracted(await tar([{ name: "a.wasm" }, { name: "b.wasm" }])), "SeveralWasmFiles");
    assert.match(two.message, /"a\.wasm", "b\.wasm"/);
    failed(await extracted(await tar([{ name: "plugin.wasm" }, { name: "x/plugin.wasm" }])), "SeveralWasmFiles");
    failed(await extracted(await tar([{ name: "plugin.wasm" }, { name: "./plugin.wasm" }])), "SeveralWasmFiles");
  });
});

/** An entry that says something of the next one (`x`), or of all that follow (`g`). */
async function header(type: "x" | "g", records: string): Promise<Uint8Array> {
  const entry = (await tar([{ name: "pax", bytes: Buffer.from(records) }])).subarray(0, -1024);
  entry[156] = type.charCodeAt(0);
  entry.fill(0x20, 148, 156);
  const sum = entry.subarray(0, 512).reduce((all, byte) => all + byte, 0);
  entry.set(Buffer.from(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
  return entry;
}

describe("hostile archives", () => {
  test("reads a long name, refuses a header beside an entry's own that is longer than names are, and reads none that is for all", async () => {
    const module = await tar([{ name: "plugin.wasm", bytes: MODULE }]);
    const named = await header("x", "23 path=other/name.wasm\n".replace("23", "24"));
    assert.deepEqual(valued(await extracted(Buffer.concat([named, module]))), MODULE);
    const forAll = await header("g", "28 path=../../../etc/passwd\n");
    assert.deepEqual(valued(await extracted(Buffer.concat([forAll, module]))), MODULE);
    const long = await header("x", "a".repeat(65 * 1024));
    assert.match(failed(await extracted(Buffer.concat([long, module])), "CorruptLayer").message, /a header of 66560 bytes/);
  });

  for (const name of ["/plugin.wasm", "../plugin.wasm", "a/../../plugin.wasm", "a\\..\\plugin.wasm", "../../etc/passwd"]) {
    test(`refuses the path trick ${JSON.stringify(name)}`, async () => {
      failed(await extracted(await tar([{ name, bytes: MODULE }])), "UnsafeArchive");
    });
  }

  test("refuses a plugin.wasm that is a link", async () => {
    for (const type of ["symlink", "link"] as const) {
      assert.match(failed(await extracted(await tar([{ name: "plugin.wasm", type }])), "UnsafeArchive").message, new RegExp(type));
    }
  });

  test("stops an archive that inflates beyond the limit, in whatever file the bytes hide", async () => {
    const bomb = await tar([
      { name: "zeros", bytes: new Uint8Array(64 << 20) },
      { name: "plugin.wasm", bytes: MODULE },
    ]);
    for (const pack of [compress.gzip, compress.zstd]) {
      const layer = pack(bomb);
      assert.ok(layer.byteLength < 200_000);
      const before = process.memoryUsage().arrayBuffers;
      assert.match(failed(await extracted(layer), "LayerTooLarge").message, /more than 2 MiB/);
      assert.ok(process.memoryUsage().arrayBuffers - before < 32 << 20);
    }
  });

  test("refuses a module beyond its own limit by its header, before reading it", async () => {
    const layer = compress.gzip(await tar([{ name: "plugin.wasm", bytes: new Uint8Array((1 << 20) + 1) }]));
    failed(await extracted(layer), "ModuleTooLarge");
  });
});

describe("broken archives", () => {
  test("refuses junk, a cut tar and a cut compression as a corrupt layer", async () => {
    const whole = await tar([{ name: "plugin.wasm", bytes: MODULE }]);
    const noise = Uint8Array.from({ length: 5000 }, (_, i) => (i * 7919) % 251);
    const gzip = compress.gzip(whole);
    const zstd = compress.zstd(whole);
    const cuts = [
      noise,
      whole.subarray(0, 100_000),
      gzip.subarray(0, gzip.byteLength - 30),
      zstd.subarray(0, zstd.byteLength - 10),
      new Uint8Array([0x1f, 0x8b, 1]),
    ];
    for (const layer of cuts) failed(await extracted(layer), "CorruptLayer");
  });

  test("a canceled extraction ends", async () => {
    const layer = compress.gzip(await tar([{ name: "plugin.wasm", bytes: MODULE }]));
    failed(await extracted(layer, AbortSignal.abort()), "Canceled");
  });

  test("whatever bytes a layer holds, it is read or refused in bounded time", async () => {
    const whole = await tar([
      { name: "plugin.wasm", bytes: wasm("module", 3000) },
      { name: "b.txt", bytes: new Uint8Array(100) },
    ]);
    const gzip = compress.gzip(whole);
    const change = fc.record({
      zipped: fc.boolean(),
      edits: fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 }),
      keep: fc.nat(),
    });
    await fc.assert(
      fc.asyncProperty(change, async ({ zipped, edits, keep }) => {
        const layer = (zipped ? gzip : whole).slice();
        for (const [place, byte] of edits) layer[place % layer.length] = byte;
        const cut = keep % 4 === 0 ? layer.subarray(0, keep % layer.length) : layer;
        const result = await extracted(cut);
        assert.ok(result.ok || /^[A-Z][A-Za-z]+$/.test(result.error.reason));
      }),
      { numRuns: 200, endOnFailure: true },
    );
  });
});
