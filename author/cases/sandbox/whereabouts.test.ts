import assert from "node:assert/strict";
import { test } from "node:test";
import { Whereabouts } from "./whereabouts.ts";

test("how far a case came is read from the same memory: its step, its callback and its newest log lines", () => {
  const writer = new Whereabouts();
  const reader = new Whereabouts(writer.memory);
  assert.deepEqual(reader.read(), { line: 0, callback: "", logs: [] });
  writer.atStep(7);
  writer.atCallback("proxy_on_request_headers");
  writer.logged({ level: "info", text: "é\nx" });
  assert.deepEqual(reader.read(), { line: 7, callback: "proxy_on_request_headers", logs: [{ level: "info", text: "é\nx" }] });
  for (let index = 0; index < 2000; index++) writer.logged({ level: "warn", text: `${index} ${"é".repeat(2000)}` });
  const { logs } = reader.read();
  assert.match(logs.at(-1)?.text ?? "", /^1999 é+$/);
  assert.ok(logs.length > 10 && logs.length < 64, String(logs.length));
  writer.atCallback("é".repeat(1000));
  assert.match(reader.read().callback, /^é{128}$/);
  writer.reset();
  assert.deepEqual(reader.read(), { line: 0, callback: "", logs: [] });
});
