import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { hostFunctions } from "../abi/abi.ts";
import { createPlugin, logged, run } from "../testing/plugin.ts";
import { CELL, OUT, script } from "../testing/script.ts";
import { foreignFunction } from "./functions/foreign.ts";
import { implementations } from "./functions/link.ts";
import { bodyOf, cannedReplies } from "./index.ts";
import { createHost } from "./state/host.ts";
import { createJournal } from "./state/journal.ts";
import { encodePairs } from "./values/headers.ts";

const [REQUEST, RESPONSE] = [0, 2];

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

describe("the ABI table", () => {
  test("every function of the ABI table has an implementation, and the other way round", () => {
    const journal = createJournal({ lines: 1, lineLength: 1 });
    const host = createHost({
      abi: "0.2.1",
      name: "",
      rootId: "",
      configuration: new Uint8Array(),
      env: [],
      capabilities: [],
      allowOnHeadersStopIteration: false,
      replies: cannedReplies,
      journal,
      clock: undefined,
      onCall: undefined,
      onCallback: undefined,
      onExports: undefined,
      now: () => 0n,
      random: (size) => new Uint8Array(size),
      maxBytes: 0,
    });
    const { env, wasi } = implementations(host);
    const table = (["0.1.0", "0.2.0", "0.2.1"] as const).flatMap(hostFunctions);
    const names = (ofEnv: boolean) =>
      [...new Set(table.filter(({ module }) => (module === "env") === ofEnv).map(({ name }) => name))].sort();
    assert.deepEqual(Object.keys(env).sort(), names(true));
    assert.deepEqual(Object.keys(wasi).sort(), names(false));
  });
});

describe("requests and responses", () => {
  test("headers can be added, replaced and removed, and only while they are within reach", async () => {
    const { plugin, result } = await run({
      proxy_on_request_headers: {
        steps: [
          ["proxy_add_header_map_value", REQUEST, "X-New", "1"],
          ["proxy_replace_header_map_value", REQUEST, ":path", "/other"],
          ["proxy_remove_header_map_value", REQUEST, ":authority"],
        ],
      },
      proxy_on_response_headers: { steps: [["proxy_add_header_map_value", REQUEST, "x", "too late"]] },
    });
    assert.deepEqual(result.request?.headers, [
      [":method", "POST"],
      ["x-new", "1"],
      [":path", "/other"],
    ]);
    assert.equal(logged(plugin).at(-1), "proxy_on_response_headers proxy_add_header_map_value = 02");
  });

  test("a body that is held back is seen whole, and goes on as the plugin leaves it", async () => {
    const { plugin, result } = await run({
      proxy_on_request_body: { returns: 1, steps: [["proxy_get_buffer_bytes", 0, 0, 100, OUT]] },
      proxy_on_response_body: { onlyIf: 2, steps: [["proxy_set_buffer_bytes", 1, 0, 100, "all new"]] },
    });
    const seen = logged(plugin).filter((line) => line.startsWith("one"));
    assert.deepEqual(seen, ["one,", "one,two,", "one,two,three"]);
    assert.deepEqual(result.held, { direction: "request", in: "body", withBody: false });

    const free = await run({ proxy_on_response_body: { onlyIf: 2, steps: [["proxy_set_buffer_bytes", 1, 0, 100, "all new"]] } });
    assert.equal(free.result.response && bodyOf(free.result.response).toString(), "hello all new");
  });

  test("a local reply passes the plugin's own response callbacks, and the upstream never sees the request", async () => {
    const headers = text(encodePairs([["x-why", "because"]]));
    const { result } = await run({
      proxy_on_request_headers: { steps: [["proxy_send_local_response", 401, "denied", "go away", headers, -1]] },
      proxy_on_response_headers: { steps: [["proxy_add_header_map_value", RESPONSE, "x-seen", "yes"]] },
    });
    assert.equal(result.request, undefined);
    assert.equal(result.localReply?.details, "denied");
    assert.deepEqual(result.response?.headers, [
      [":status", "401"],
      ["content-length", "7"],
      ["content-type", "text/plain"],
      ["x-why", "because"],
      ["x-seen", "yes"],
    ]);
  });
});

describe("what plugins share, timers and metrics", () => {
  test("shared data is swapped only against the right counter, and queues announce what arrives", async () => {
    const { plugin } = await run({
      proxy_on_configure: {
        steps: [
          ["proxy_set_shared_data", "k", "v1", 0],
          ["proxy_set_shared_data", "k", "v2", 1],
          ["proxy_set_shared_data", "k", "v3", 1],
          ["proxy_register_shared_queue", "q", CELL],
          ["proxy_enqueue_shared_queue", 1, "item"],
        ],
      },
      proxy_on_request_headers: { returns: 1, steps: [] },
      proxy_on_queue_ready: {
        steps: [
          ["proxy_dequeue_shared_queue", 1, OUT],
          ["proxy_dequeue_shared_queue", 1, OUT],
        ],
      },
    });
    assert.deepEqual(plugin.sharedData("k"), Uint8Array.from(Buffer.from("v2")));
    const lines = logged(plugin);
    assert.ok(lines.includes("proxy_on_configure proxy_set_shared_data = 08"));
    assert.ok(lines.includes("item"));
    assert.ok(lines.includes("proxy_on_queue_ready proxy_dequeue_shared_queue = 07"));
  });

  test("timers fire on the root, and metrics keep count", async () => {
    const plugin = await createPlugin(
      script({
        proxy_on_configure: {
          steps: [
            ["proxy_set_tick_period_milliseconds", 250],
            ["proxy_define_metric", 0, "hits", CELL],
          ],
        },
        proxy_on_tick: { steps: [["proxy_increment_metric", 4, 3n]] },
      }),
    );
    plugin.tick();
    plugin.tick();
    assert.deepEqual(plugin.metrics(), [{ type: "counter", name: "hits", value: 6n }]);
    assert.deepEqual(plugin.notes(), ["ticks every 250 ms"]);
  });
});

describe("what a plugin reads", () => {
  test("the configuration, the environment and the attributes are what the options and the exchange say", async () => {
    const { plugin } = await run(
      {
        _initialize: {
          steps: [
            ["environ_sizes_get", CELL, CELL],
            ["environ_get", 600, 700],
            ["proxy_log", 2, "env:"],
          ],
        },
        proxy_on_configure: { steps: [["proxy_get_buffer_bytes", 7, 0, 100, OUT]] },
        proxy_on_request_headers: {
          steps: [
            ["proxy_get_property", "request\0query", OUT],
            ["proxy_get_property", "plugin_name", OUT],
          ],
        },
      },
      { config: '{"a":1}', name: "shop/add", env: [{ name: "KEY", value: "value" }] },
    );
    const lines = logged(plugin);
    assert.ok(lines.includes('{"a":1}') && lines.includes("b=c") && lines.includes("shop/add"));
    assert.ok(lines.includes("0a00000000000000"), "KEY=value and its zero are ten bytes");
  });

  test("foreign functions do what Envoy's do", () => {
    const host = { charge() {}, room: () => 5000 } as unknown as Parameters<typeof foreignFunction>[0];
    const packed = foreignFunction(host, "compress")?.(Buffer.from("a".repeat(1000))).result ?? new Uint8Array();
    assert.equal(foreignFunction(host, "uncompress")?.(packed).result?.length, 1000);
    assert.equal(foreignFunction(host, "no_such_function"), undefined);
  });
});

describe("network filters", () => {
  test("a network filter sees both directions and may hold the connection", async () => {
    const parts = (returns: number) => ({
      proxy_on_downstream_data: { returns, steps: [["proxy_get_buffer_bytes", 2, 0, 100, OUT]] as const },
      proxy_on_upstream_data: { steps: [["proxy_set_buffer_bytes", 3, 0, 100, "PONG"]] as const },
    });
    const connection = { downstream: Buffer.from("ping"), upstream: Buffer.from("pong") };
    const open = await createPlugin(script(parts(0)));
    assert.deepEqual(open.connection(connection), { downstream: Buffer.from("ping"), upstream: Uint8Array.from(Buffer.from("PONG")) });
    assert.ok(logged(open).includes("ping"));
    const held = await createPlugin(script(parts(1)));
    assert.deepEqual(held.connection(connection), { downstream: undefined, upstream: undefined });
  });
});

describe("faults", () => {
  test("a panic is told in the plugin's own words, up to its first empty line", async () => {
    const panic = `(module (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1) (func (export "malloc") (param i32) (result i32) (i32.const 64)) (func (export "proxy_abi_version_0_2_1"))
    (data (i32.const 0) "\\20\\00\\00\\00\\07\\00\\00\\00\\30\\00\\00\\00\\14\\00\\00\\00")
    (data (i32.const 32) "panic: ") (data (i32.const 48) "no luck\\n\\nstack trace")
    (func (export "proxy_on_vm_start") (param i32 i32) (result i32)
      (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 128)))
      (drop (call $write (i32.const 2) (i32.const 8) (i32.const 1) (i32.const 128))) unreachable))`;
    const { problem } = await createPlugin(panic);
    assert.deepEqual(problem, { reason: "VmStartFailed", message: "proxy_on_vm_start trapped: unreachable; it said: panic: no luck" });
  });

  test("a plugin that hands over more than the host keeps is stopped", async () => {
    const flood = `(module (import "env" "proxy_set_shared_data" (func $set (param i32 i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 16) (func (export "malloc") (param i32) (result i32) (i32.const 64)) (func (export "proxy_abi_version_0_2_1"))
    (func (export "proxy_on_vm_start") (param i32 i32) (result i32)
      (loop (drop (call $set (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 900000) (i32.const 0))) (br 0)) (i32.const 1)))`;
    const plugin = await createPlugin(flood);
    assert.equal(plugin.fault()?.kind, "limit");
    assert.match(plugin.problem?.message ?? "", /proxy_on_vm_start went over a limit of the sandbox/);
  });
});
