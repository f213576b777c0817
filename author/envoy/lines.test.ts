import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { eachLine } from "./lines.ts";

test("lines come whole however their bytes do, and the last without its end", async () => {
  const stream = new PassThrough();
  const lines: string[] = [];
  eachLine(stream, (line) => lines.push(line));
  const bytes = Buffer.from("one\r\ntwo €\n\nlast");
  for (const byte of bytes) stream.write(Buffer.from([byte]));
  stream.end();
  await new Promise((resolve) => stream.once("close", resolve));
  assert.deepEqual(lines, ["one", "two €", "", "last"]);
});

test("a line without an end takes no more memory than a long line", async () => {
  const stream = new PassThrough();
  const lines: string[] = [];
  eachLine(stream, (line) => lines.push(line));
  for (let piece = 0; piece < 100; piece++) stream.write("x".repeat(1_000));
  stream.end("\nnext\n");
  await new Promise((resolve) => stream.once("close", resolve));
  assert.deepEqual(
    lines.map((line) => line.length),
    [16 << 10, 4],
  );
});
