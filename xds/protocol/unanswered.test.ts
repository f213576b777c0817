import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Unanswered } from "./unanswered.ts";

function open(...nonces: string[]): Unanswered {
  const unanswered = new Unanswered();
  for (const nonce of nonces) unanswered.add({ nonce, items: [], whole: undefined, at: 0 });
  return unanswered;
}

describe("responses without an answer", () => {
  test("each response is answered once, in whatever order", () => {
    for (const order of ["123", "132", "213", "231", "312", "321"]) {
      const unanswered = open("1", "2", "3");
      for (const nonce of order) {
        assert.equal(unanswered.has(nonce), true);
        assert.equal(unanswered.take(nonce)?.nonce, nonce);
        assert.equal(unanswered.has(nonce), false);
        assert.equal(unanswered.take(nonce), undefined);
      }
      assert.equal(unanswered.lastNonce, "3", "the newest, though it is answered");
    }
  });

  test("a nonce of another time answers nothing", () => {
    const unanswered = open("1", "2");
    assert.equal(unanswered.has("other"), false);
    assert.equal(unanswered.take("other"), undefined);
    assert.equal(unanswered.has("1"), true);
  });

  test("of a client that never answers the oldest responses are given up on", () => {
    const nonces = Array.from({ length: 12_000 }, (_, index) => String(index));
    const unanswered = open(...nonces);
    const known = nonces.filter((nonce) => unanswered.has(nonce));
    assert.deepEqual([known.length, known[0]], [10_000, "2000"]);
  });
});
