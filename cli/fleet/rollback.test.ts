import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import { chooseRollback } from "../../model/rollback.ts";
import { digest, rolling } from "../testing/fixtures.ts";

function chosen(filter: WasmFilter, to?: string): string {
  const result = chooseRollback(filter, to);
  assert.ok(result.ok, result.ok ? "" : result.error.message);
  return `${result.value.item?.revision ?? "-"} ${result.value.digest.slice(7, 19)}`;
}

function refusal(filter: WasmFilter, to?: string): { reason: string; message: string } {
  const result = chooseRollback(filter, to);
  assert.ok(!result.ok, "was accepted");
  return result.error;
}

const at = (revision: number): WasmFilter => ({ ...rolling, status: { ...rolling.status, revision } });

describe("without a target", () => {
  test("without a target it is the last revision before the present one that succeeded", () => {
    assert.equal(chosen(rolling), "3 3f2a9c01d2e4");
  });

  test("revisions that failed are passed over", () => {
    const history = (rolling.status?.history ?? []).map((item) => (item.revision === 1 ? { ...item, digest: digest("0123") } : item));
    assert.equal(chosen({ ...rolling, status: { ...rolling.status, revision: 3, history } }), "1 012300000000");
  });

  test("a revision with the same digest is no rollback by digest, and the message says what to do", () => {
    const { reason, message } = refusal(at(3));
    assert.equal(reason, "SameDigest");
    assert.match(message, /revisions 1 and 3 .* change the spec back/);
  });

  test("there must be an earlier revision", () => {
    assert.equal(refusal(at(1)).reason, "NoEarlierRevision");
    assert.match(refusal(at(1)).message, /choose another with --to: 4 \(aaaa11112222, Progressing\), 3 \(3f2a9c01d2e4, Succeeded\)/);
    const { status: _, ...fresh } = rolling;
    assert.equal(refusal(fresh).reason, "NoHistory");
  });
});

describe("with a target", () => {
  test("a target is a number, a full digest, or the first digits of one with or without sha256:", () => {
    assert.equal(chosen(rolling, "2"), "2 bbbb33334444");
    assert.equal(chosen(rolling, digest("bbbb33334444")), "2 bbbb33334444");
    assert.equal(chosen(rolling, "bbbb"), "2 bbbb33334444");
    assert.equal(chosen(rolling, "sha256:aaaa11"), "4 aaaa11112222");
  });

  test("digits that several revisions share are fine when the digest is one", () => {
    assert.equal(chosen(rolling, "3f2a"), "3 3f2a9c01d2e4");
  });

  test("the digits of a module find the manifest that carries it", () => {
    assert.equal(chosen(rolling, "bbbb33334444ff"), "2 bbbb33334444");
  });

  test("a full digest needs no history, not even a status", () => {
    const { status: _, ...fresh } = rolling;
    assert.equal(chosen(fresh, digest("feed")), "- feed00000000");
  });

  test("digits that begin several digests are refused with the choice", () => {
    const history = [...(rolling.status?.history ?? [])].map((item) => ({ ...item, digest: digest(`abcd${item.revision}`) }));
    const { reason, message } = refusal({ ...rolling, status: { ...rolling.status, history } }, "abcd");
    assert.equal(reason, "Ambiguous");
    assert.equal(message.match(/sha256:abcd/g)?.length, 4);
  });

  test("what is not there is refused with what is", () => {
    assert.match(refusal(rolling, "9").message, /no revision 9; it has 4 \(aaaa11112222\), 3 \(3f2a9c01d2e4\)/);
    assert.equal(refusal(rolling, "ffff").reason, "NotInHistory");
    assert.equal(refusal(rolling, "abc").reason, "BadTarget");
    assert.equal(refusal(rolling, "latest").reason, "BadTarget");
  });

  test("a number of a revision wins over a digest that begins with it", () => {
    const history = (rolling.status?.history ?? []).map((item) =>
      item.revision === 4 ? { ...item, revision: 1234, digest: digest("99") } : item,
    );
    const filter = {
      ...rolling,
      status: { ...rolling.status, revision: 2000, history: [...history, { ...history[0], revision: 5, digest: digest("1234") }] },
    };
    assert.equal(chosen(filter as WasmFilter, "1234"), "1234 990000000000");
  });

  test("a filter from a URL cannot be rolled back by digest, and the message says how else", () => {
    const { image: _, ...spec } = rolling.spec;
    assert.match(
      refusal({ ...rolling, spec: { ...spec, url: "https://x/y.wasm", sha256: "0" } }).message,
      /set spec\.url and spec\.sha256/,
    );
  });
});
