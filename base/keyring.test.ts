import assert from "node:assert/strict";
import { createHmac, hkdfSync } from "node:crypto";
import { test } from "node:test";
import { inspect } from "node:util";
import { createKeyring } from "./keyring.ts";

const KEY = Buffer.alloc(32, "k");

test("a keyed hash is HMAC-SHA256 under a key that HKDF derives from the private one", () => {
  const derived = Buffer.from(hkdfSync("sha256", KEY, "", "weir wave position", 32));
  const expected = createHmac("sha256", derived).update("text").digest("hex");
  assert.equal(createKeyring(KEY).keyedHash("wave position").digest("text").toString("hex"), expected);
});

test("another purpose and another private key give other hashes and another id, a restart the same", () => {
  const [one, same] = [createKeyring(KEY), createKeyring(Buffer.from(KEY))].map((ring) => ring.keyedHash("revision identity"));
  const others = [createKeyring(KEY).keyedHash("wave position"), createKeyring(Buffer.alloc(32, "l")).keyedHash("revision identity")];
  assert.deepEqual(one?.digest("a"), same?.digest("a"));
  assert.equal(one?.id, same?.id);
  for (const other of others) {
    assert.notDeepEqual(one?.digest("a"), other.digest("a"));
    assert.notEqual(one?.id, other.id);
  }
});

test("a key that is too short is refused, and what is handed out shows nothing of the key", () => {
  assert.throws(() => createKeyring(Buffer.alloc(31)), /32 bytes, not 31/);
  const shown = inspect(createKeyring(KEY).keyedHash("wave position"), { depth: 9, showHidden: true });
  assert.ok(!shown.includes("6b 6b") && !shown.includes("kkkk"), shown);
});
