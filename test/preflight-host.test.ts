import assert from "node:assert/strict";
import { test } from "node:test";
import { message, type Pairs } from "../preflight/host/index.ts";
import { CONFORMANCE } from "../preflight/testing/conformance.ts";
import { minimal } from "../preflight/testing/modules.ts";
import { createPlugin, logged } from "../preflight/testing/plugin.ts";
import { script } from "../preflight/testing/script.ts";
import { wasm } from "../preflight/testing/wat.ts";
import { plainSettings, startJudge } from "./support/judge.ts";
import { linesOfWorker } from "./support/wasm-log.ts";

const [config, rootId] = ["configured", "the-root"];

function request(method: string, path: string, more: Pairs = [], body: string[] = [], trailers: Pairs = []) {
  const head: Pairs = [
    [":method", method],
    [":path", path],
    [":authority", "127.0.0.1"],
    [":scheme", "http"],
    ["x-given", "yes"],
  ];
  return message([...head, ...more], body, trailers);
}

test("the host answers every call of a plugin as Envoy does, in every callback", { timeout: 120_000 }, async (t) => {
  const text = script(CONFORMANCE);
  const judge = await startJudge(await minimal());
  t.after(() => judge.stop());
  const { log, load } = await judge.judge(await wasm(text), { ...plainSettings, config, rootId });
  assert.equal(load, "accepted");

  const plugin = await createPlugin(text, { config, rootId, maxLogLines: 5000 });
  assert.equal(plugin.problem, undefined);
  const response = message([[":status", "200"]], ["[]"]);
  plugin.exchange({ request: request("GET", "/"), response });
  const body = ['{"name":"weir",', '"size":3}'];
  plugin.exchange({
    request: request("POST", "/submit?kind=test", [["content-type", "application/json"]], body, [["x-checksum", "0"]]),
    response,
  });
  assert.equal(plugin.fault(), undefined);

  const [ours, envoys] = [logged(plugin), linesOfWorker(log, "proxy_on_request_headers")];
  const calls = ours.filter((line) => / = \d\d$/.test(line)).length;
  t.diagnostic(`${calls} host calls, ${ours.length} lines logged on either side`);
  assert.ok(calls > 200);
  assert.deepEqual(ours, envoys);
});
