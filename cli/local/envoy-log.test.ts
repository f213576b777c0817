import assert from "node:assert/strict";
import { test } from "node:test";
import { readEnvoyLine } from "./envoy-log.ts";

test("a line of Envoy's log is its own, or a filter's", () => {
  const id = "shop/auth/0123456789abcdef";
  const filter = "shop/auth";
  assert.deepEqual(readEnvoyLine(`info wasm wasm log shop/auth ${id}: a: b`), { level: "info", component: "wasm", filter, text: "a: b" });
  assert.deepEqual(readEnvoyLine(`warning wasm wasm log shop/auth my root: x ${id}: `), {
    level: "warning",
    component: "wasm",
    filter,
    text: "",
  });
  const own = {
    level: "error",
    component: "wasm",
    filter: undefined,
    text: "Function: proxy_on_configure failed: Uncaught RuntimeError: unreachable",
  };
  assert.deepEqual(readEnvoyLine(`error wasm ${own.text}`), own);
  assert.deepEqual(readEnvoyLine("no log line"), { level: "info", component: "", filter: undefined, text: "no log line" });
});

test("what a filter logs is not taken for another's", () => {
  const line = readEnvoyLine("info wasm wasm log shop/a shop/a/0123456789abcdef: wasm log shop/b shop/b/0123456789abcdef: hello");
  assert.equal(line.filter, "shop/a");
  assert.equal(line.text, "wasm log shop/b shop/b/0123456789abcdef: hello");
  assert.equal(readEnvoyLine("info lua wasm log shop/a shop/a/0123456789abcdef: hello").filter, undefined);
});
