import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { readClaims } from "./claims.ts";

const jwt = (payload: unknown) => `e30.${Buffer.from(JSON.stringify(payload)).toString("base64url")}.c2ln`;

describe("the claims of a token", () => {
  test("are its audiences, one or several, and its end", () => {
    const whole = readClaims(jwt({ aud: ["weir.dev", "x"], exp: 2, sub: "system:serviceaccount:shop:web" }));
    assert.deepEqual(whole, { ok: true, value: { audiences: ["weir.dev", "x"], until: 2_000 } });
    const one = readClaims(jwt({ aud: "weir.dev", exp: 2 }));
    assert.deepEqual(one.ok && one.value.audiences, ["weir.dev"]);
  });

  test("are not those of what is no such token, and the message holds nothing of it", () => {
    for (const wrong of [
      ...["", "garbage-garbage-garbage", "a.b", "a.b.c.d", "e30.!.c2ln", jwt(1), jwt(null), jwt([]), jwt({ aud: "weir.dev" })],
      ...[jwt({ aud: "weir.dev", exp: "2" }), jwt({ aud: [1], exp: 2 }), jwt({ exp: 2 }), jwt({ aud: Array(17).fill("x"), exp: 2 })],
      jwt({ aud: "x".repeat(8_192), exp: 2 }),
    ]) {
      const read = readClaims(wrong);
      assert(!read.ok, wrong.slice(0, 40));
      assert.match(read.error.message, /is no ServiceAccount's/);
      assert.doesNotMatch(read.error.message, /garbage|e30/);
    }
  });

  test("no text makes the reader throw", () => {
    fc.assert(fc.property(fc.string(), (text) => void readClaims(text)));
    fc.assert(fc.property(fc.json(), (text) => void readClaims(`e30.${Buffer.from(text).toString("base64url")}.c2ln`)));
  });
});
