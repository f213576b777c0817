import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import type { Revision } from "../../model/revision.ts";
import { DEFAULT_SETTINGS } from "../../model/settings.ts";
import { fromRecord, MAX_RECORD_BYTES, recordProblem, toRecord } from "./revision-record.ts";

const DIGEST = `sha256:${"ab".repeat(32)}` as const;

function revision(config: string, more: Partial<Revision> = {}): Revision {
  const settings = { ...DEFAULT_SETTINGS, config };
  return { number: 1, image: "r/f:1", digest: DIGEST, wasmDigest: DIGEST, settings, capabilities: [], hash: "v2:x", time: "t", ...more };
}

const stored = (value: object): unknown => JSON.parse(JSON.stringify(value));
const size = (value: object): number => Buffer.byteLength(JSON.stringify(value));

/** A list of so many short texts, as JSON: many quotes. */
const list = (count: number) => JSON.stringify(Array.from({ length: count }, (_, i) => `10.0.${i >> 8}.${i & 255}/32`));

/** Numbers that do not compress. */
function noise(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state >>> 16;
  };
}

test("a small configuration is kept as the text that it is, as ever", () => {
  const small = revision(list(100));
  assert.deepEqual(toRecord(small), small);
  assert.deepEqual(fromRecord(stored(small)), small);
});

test("a large one takes no more than its own bytes, and comes back to the letter", (t) => {
  const random = noise(1);
  const printable = Array.from({ length: 200_000 }, () => String.fromCharCode(32 + (random() % 95))).join("");
  const texts = {
    list: list(70_000),
    quotes: '"'.repeat(900_000),
    printable,
    unicode: "žluťoučký 🐎 ".repeat(20_000),
    controls: "\u0001\n".repeat(80_000),
  };
  for (const [name, text] of Object.entries(texts)) {
    const whole = revision(text);
    const record = toRecord(whole);
    assert.deepEqual(fromRecord(stored(record)), whole, name);
    const [before, now, own] = [size(whole), size(record), Buffer.byteLength(text)];
    t.diagnostic(`${name}: ${own} bytes, in JSON ${before}, in the record ${now}`);
    assert.ok(now <= own * 1.1 + 1_000, name);
  }
});

test("records that earlier versions made of large configurations are read as they are", () => {
  const whole = revision(list(50_000));
  assert.deepEqual(fromRecord(stored(whole)), whole);
});

test("a text that is no Unicode is not packed: it would not come back", () => {
  const whole = revision(`${"a".repeat(70_000)}\ud800`);
  assert.deepEqual(fromRecord(stored(toRecord(whole))), whole);
});

test("the text of a Secret is in no record, however large", () => {
  const secret = revision("s".repeat(2_000_000), { secretConfig: { name: "s", key: "k" } });
  assert.equal((toRecord(secret) as Revision).settings.config, "");
  assert.equal(recordProblem(secret), undefined);
});

test("a record that unpacks to nonsense, or to more than any object holds, is one that cannot be read", () => {
  const record = (gzip: unknown) => ({ ...revision(""), settings: { ...DEFAULT_SETTINGS, config: { gzip } } });
  const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024)).toString("base64");
  for (const gzip of ["", "no gzip", bomb, 7, null, gzipSync("x").toString("base64").slice(0, -8)])
    assert.equal(fromRecord(record(gzip)), undefined);
});

test("what is too large to be kept is told with its digits", () => {
  const random = noise(2);
  const text = Buffer.from(Uint8Array.from({ length: 1_200_000 }, random)).toString("base64");
  assert.equal(recordProblem(revision(text.slice(0, MAX_RECORD_BYTES - 1_000))), undefined);
  const problem = recordProblem(revision(text));
  assert.equal(problem?.reason, "RevisionTooLarge");
  assert.equal(problem?.retryable, false);
  assert.match(
    problem?.message ?? "",
    /takes 1,600,\d{3} bytes, 1,500,000 at most; its configuration has 1,600,000 bytes: make it smaller/,
  );
});

test("who made a revision is kept; a record of a version that kept none is read", () => {
  const made = revision("", { author: { generation: 3, manager: "kubectl", cause: "trace header" } });
  assert.deepEqual(fromRecord(stored(toRecord(made))), made);
  assert.equal(fromRecord(stored(revision("")))?.author, undefined);
  for (const author of [1, "x", { manager: 1 }, { cause: [] }, { generation: "3" }])
    assert.deepEqual(fromRecord(stored({ ...revision(""), author })), fromRecord(stored(revision(""))));
});
