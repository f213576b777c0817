import assert from "node:assert/strict";
import { test } from "node:test";
import { readMessage } from "./answer.ts";

const facts = { size: 8, imports: [], exports: [], capabilities: [], hasStart: false, customSections: [] };

test("what a prover says is copied field by field, and nothing else of it", () => {
  assert.deepEqual(readMessage({ phase: "compile", more: 1 }), { kind: "phase", phase: "compile" });
  const failed = readMessage({ result: { ok: false, error: { reason: "NotWasm", message: "m".repeat(9999), retryable: true, more: 1 } } });
  assert.deepEqual(failed, {
    kind: "result",
    result: { ok: false, error: { reason: "NotWasm", message: "m".repeat(4096), retryable: false } },
  });
  const read = readMessage({ result: { ok: true, value: { facts: { ...facts, more: 1 }, loadMs: 3 } } });
  assert.ok(read?.kind === "result" && read.result.ok);
  assert.deepEqual(read.result.value, {
    facts: { ...facts, abi: undefined, memory: undefined, problem: undefined },
    report: undefined,
    loadMs: 3,
  });
});

test("what is no answer is none", () => {
  const wrong = [
    null,
    [],
    "ready",
    {},
    { phase: "other" },
    { result: { ok: false, error: { reason: "two words", message: "" } } },
    { result: { ok: true, value: { facts: { ...facts, size: -1 } } } },
    { result: { ok: true, value: { facts: { ...facts, imports: "x" } } } },
    { result: { ok: true, value: { facts, loadMs: "3" } } },
  ];
  for (const header of wrong) assert.equal(readMessage(header), undefined, JSON.stringify(header));
});
