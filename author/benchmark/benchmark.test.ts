import assert from "node:assert/strict";
import { test } from "node:test";
import { preparePlugin } from "../../preflight/index.ts";
import { parseCases } from "../cases/read/file.ts";
import { bench } from "./benchmark.ts";
import { IDLE_MODULE } from "./idle-module.ts";

test("the idle module starts, and an exchange passes it as it is", () => {
  const prepared = preparePlugin(IDLE_MODULE);
  assert.ok(prepared.ok, prepared.ok ? "" : prepared.error.message);
  const plugin = prepared.value({ config: "some" });
  assert.equal(plugin.problem, undefined);
  const request = { headers: [[":method", "GET"] as const, [":path", "/"] as const, [":authority", "a"] as const], body: [], trailers: [] };
  const { response } = plugin.exchange({ request, response: { headers: [[":status", "204"]], body: [], trailers: [] } });
  assert.deepEqual(response?.headers, [[":status", "204"]]);
});

test("a case without an exchange, and a module that does not start, are no benchmark", () => {
  const file = parseCases("cases:\n  - name: a\n    exchanges: [{advance: 1s}]\n  - name: b", "a.weir.yaml");
  assert.ok(file.ok);
  const [without, plain] = file.value.cases;
  assert.ok(without !== undefined && plain !== undefined);
  const refused = bench(IDLE_MODULE, without);
  assert.equal(!refused.ok && refused.error.message, "a.weir.yaml:2: the case has no exchange; name a file whose first case has one");
  assert.equal(bench(new Uint8Array(8), plain).ok, false);
});
