import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import type { Author, Revision } from "../../model/revision.ts";
import { authorOf } from "./author.ts";

function object(generation: number | undefined, cause?: string): WasmFilter {
  const annotations = cause === undefined ? {} : { "weir.dev/change-cause": cause };
  return { metadata: { name: "f", annotations, ...(generation === undefined ? {} : { generation }) }, spec: {} } as WasmFilter;
}

const before = (author: Author | undefined) => ({ author }) as Revision;

describe("who made a revision's spec", () => {
  test("the manager and the annotation as they are then", () => {
    assert.deepEqual(authorOf(object(2, "trace header"), "kubectl", undefined), {
      generation: 2,
      manager: "kubectl",
      cause: "trace header",
    });
    assert.deepEqual(authorOf(object(undefined), undefined, undefined), {}, "a folder names nobody");
  });

  test("nobody, where the spec is the same and what it stands for changed", () => {
    assert.deepEqual(authorOf(object(2, "trace header"), "kubectl", before({ generation: 2, manager: "kubectl" })), { generation: 2 });
  });

  test("a cause that stayed from an earlier change is not that of a later one", () => {
    const old = before({ generation: 2, cause: "trace header" });
    assert.deepEqual(authorOf(object(3, "trace header"), "argocd", old), { generation: 3, manager: "argocd" });
    assert.deepEqual(authorOf(object(3, "another"), "argocd", old), { generation: 3, manager: "argocd", cause: "another" });
  });

  test("a stranger's words are one line of bounded length", () => {
    const { cause = "", manager = "" } = authorOf(object(1, `a\nb\u202e${"x".repeat(10_000)}`), "m".repeat(1_000), undefined);
    assert.match(cause, /^a b\\u202ex/);
    assert.deepEqual([cause.length, manager.length], [500, 128]);
  });
});
