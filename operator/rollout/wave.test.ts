import assert from "node:assert/strict";
import { test } from "node:test";
import { createKeyring } from "../../base/keyring.ts";
import { proxyKey } from "../../model/proxy-key.ts";
import { EVERYONE, LINE, WaveLine } from "./wave.ts";

const lineOf = (privateKey: string) => new WaveLine(createKeyring(Buffer.alloc(32, privateKey)).keyedHash("wave position"));
const line = lineOf("a");
const FIRST_WAVE = LINE / 100;

test("ids that were ground to go first under the hash that anybody can make go first no more often than others", (t) => {
  const ground: string[] = [];
  let tried = 0;
  while (ground.length < 2_000) {
    const key = proxyKey("shop", `node-${tried++}`);
    if (line.position("fnv", "victim/auth", key) < FIRST_WAVE) ground.push(key);
  }
  const share = (order: "fnv" | "hmac") => ground.filter((key) => line.position(order, "victim/auth", key) < FIRST_WAVE).length / 2_000;
  assert.equal(share("fnv"), 1);
  // 20 of 2,000 by chance; 45 is more than five standard deviations above.
  assert.ok(share("hmac") < 45 / 2_000, `${share("hmac")}`);
  t.diagnostic(
    `${tried} ids tried for 2,000 that all are in the first percent by fnv; by hmac ${(100 * share("hmac")).toFixed(2)}% of them are`,
  );
});

test("a position follows from the key, the filter, the namespace and the node id, and from nothing else", () => {
  const at = (of: WaveLine, filter: string, namespace: string, id: string) => of.position("hmac", filter, proxyKey(namespace, id));
  const first = at(line, "shop/f", "shop", "web-1");
  assert.equal(at(lineOf("a"), "shop/f", "shop", "web-1"), first);
  const others = [at(lineOf("b"), "shop/f", "shop", "web-1"), at(line, "shop/g", "shop", "web-1")];
  others.push(at(line, "shop/f", "other", "web-1"), at(line, "shop/f", "shop", "web-2"));
  assert.equal(new Set([first, ...others]).size, 5);
  assert.ok(first >= 0 && first < LINE && Number.isInteger(first));
});

test("no hash is made where no or every proxy is in the wave", () => {
  const mute = new WaveLine({ id: "", digest: () => assert.fail("a hash was made") });
  assert.equal(mute.isIn({ order: "hmac", threshold: EVERYONE }, "shop/f", "shop/a"), true);
  assert.equal(mute.isIn({ order: "hmac", threshold: 0 }, "shop/f", "shop/a"), false);
});
