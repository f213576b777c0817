import assert from "node:assert/strict";
import { test } from "node:test";
import { withoutSecrets } from "./confidential.ts";

const items = (confidential?: readonly string[]) => [
  { name: "weir/default", version: "1", ...(confidential === undefined ? {} : { confidential }) },
];

test("of what a proxy says about a configuration from a Secret, its class and the plugins that it names are kept", () => {
  const plugins = ["shop/auth", "shop/auth-v2"];
  const words = `Unable to create Wasm plugin shop/auth-v2: {"password":"hunter2"}`;
  const rest = "the proxy's log has the rest, which may quote a configuration from a Secret";
  assert.equal(withoutSecrets(words, items(plugins)), `Unable to create Wasm plugin shop/auth-v2; ${rest}`);
  assert.equal(withoutSecrets("hunter2", items(plugins)), `rejected; ${rest}`);
  assert.equal(withoutSecrets(words, [...items(), ...items(plugins)]), `Unable to create Wasm plugin shop/auth-v2; ${rest}`);
});

test("what it says about other configurations is kept as it is", () => {
  assert.equal(withoutSecrets("its own words", items()), "its own words");
  assert.equal(withoutSecrets("its own words", []), "its own words");
});
