import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { DeliveredFilter } from "../../model/delivery.ts";
import { findCulprit } from "./culprit.ts";

function filter(id: string, revision = 1): DeliveredFilter {
  const [namespace = "", name = ""] = id.split("/");
  const digest = `sha256:${"0".repeat(64)}` as const;
  return { filter: { namespace, name }, revision, digest, wasmDigest: digest, hash: `${id}@${revision}` };
}

const chain = [filter("shop/auth"), filter("shop/auth-v2"), filter("eshop/auth")];

describe("the filter at fault in a rejected chain", () => {
  test("the plugin that the message names is at fault", () => {
    assert.equal(findCulprit(chain, undefined, "Unable to create Wasm plugin shop/auth"), chain[0]);
    assert.equal(findCulprit(chain, undefined, "Unable to create Wasm plugin shop/auth-v2"), chain[1]);
    assert.equal(findCulprit(chain, undefined, "Unable to create Wasm plugin eshop/auth."), chain[2]);
    assert.equal(findCulprit(chain, undefined, "plugin 'shop/auth': bad; then nothing"), chain[0]);
  });

  test("where no name tells, the only filter that the proxy did not run before is at fault", () => {
    const next = [filter("shop/auth", 2), ...chain.slice(1)];
    assert.equal(findCulprit(next, chain, "something went wrong"), next[0]);
    assert.equal(findCulprit([chain[0] ?? filter("x/y")], undefined, "something went wrong"), chain[0]);
  });

  test("two that may be at fault are none", () => {
    const next = [filter("shop/auth", 2), filter("shop/auth-v2", 2), filter("eshop/auth")];
    assert.equal(findCulprit(next, chain, "something went wrong"), undefined);
    assert.equal(findCulprit(chain, chain, "something went wrong"), undefined);
    assert.equal(findCulprit(next, chain, "neither shop/auth nor shop/auth-v2 loads"), undefined);
  });
});
