import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DEFAULT_SETTINGS as settings } from "../model/settings.ts";
import { encodePairs } from "./host/values/headers.ts";
import { createPreflight, loadPlugin } from "./index.ts";
import { holding } from "./testing/holding.ts";
import { minimal } from "./testing/modules.ts";
import { OUT, SINK, type Step, script } from "./testing/script.ts";
import { wasm } from "./testing/wat.ts";

const HEAD = `(memory (export "memory") 1) (func (export "malloc") (param i32) (result i32) (i32.const 4096)) (func (export "proxy_abi_version_0_2_1"))`;

async function refusal(body: string, options: Parameters<typeof createPreflight>[0] = {}) {
  const verdict = await createPreflight(options).validate(await wasm(`(module ${HEAD} ${body})`), settings);
  assert.ok(!verdict.ok, "the module is refused");
  return verdict.error;
}

/** Turns the last i32.const into an i64.const: well-formed and not valid. */
function flipLastConstant(code: Uint8Array): Uint8Array {
  const flipped = code.slice();
  flipped[flipped.lastIndexOf(0x41)] = 0x42;
  return flipped;
}

describe("a module that passes", () => {
  test("a module that passes comes back with what it is and what it did", async () => {
    const code = await wasm(script({ proxy_on_response_headers: { steps: [["proxy_add_header_map_value", 2, "x-weir", "v1"]] } }));
    const verdict = await createPreflight().validate(code, settings);
    assert.ok(verdict.ok);
    const { compileMs, startMs, loadMs, effects, ...rest } = verdict.value;
    assert.deepEqual(rest, {
      size: code.length,
      memoryPages: 16,
      imports: ["proxy_add_header_map_value", "proxy_log"],
      exports: ["malloc", "proxy_on_response_headers"],
      abi: "0.2.1",
    });
    assert.ok(compileMs > 0 && startMs > 0 && loadMs !== undefined && loadMs > 0);
    assert.equal(effects[0], "GET /: response header added: x-weir: v1");
    const hidden = await createPreflight().validate(code, settings, { secretConfig: true });
    assert.ok(hidden.ok);
    assert.deepEqual(hidden.value.effects, [], "the configuration comes from a Secret");
  });
});

describe("limits of the sandbox", () => {
  test("an endless loop is stopped in every phase, and the one who asked goes on meanwhile", async () => {
    const limit = 100; // of the looping phase alone: a busy machine may be slow in the others
    const loop = "(loop (br 0))";
    const bodies = [
      [`(func $f ${loop}) (start $f)`, "start", /its start functions/],
      [`(func (export "_initialize") ${loop})`, "start", /its start functions/],
      [`(func (export "proxy_on_configure") (param i32 i32) (result i32) ${loop} (i32.const 1))`, "configure", /configuration/],
      [
        `(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) ${loop} (i32.const 0))`,
        "traffic",
        /requests of the proof/,
      ],
    ] as const;
    let turns = 0;
    const timer = setInterval(() => {
      turns += 1;
    }, 10);
    const errors = await Promise.all(bodies.map(([body, phase]) => refusal(body, { phaseMs: { [phase]: limit } })));
    clearInterval(timer);
    for (const [index, [, , where]] of bodies.entries()) {
      assert.equal(errors[index]?.reason, "Timeout");
      assert.match(errors[index]?.message ?? "", where);
    }
    assert.ok(turns > 10, "this thread was never blocked");
  });

  test("a module that takes memory without end is stopped at the limit", async () => {
    const grow = `(func (export "_initialize") (loop (br_if 0 (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))))`;
    const error = await refusal(grow, { maxMemoryPages: 64 });
    assert.equal(error.reason, "MemoryLimit");
    assert.match(error.message, /took 113 pages.*limit is 64/);
  });

  test("a module that makes its host keep data without end is stopped", async () => {
    const flood = `(module (import "env" "proxy_set_shared_data" (func $set (param i32 i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 16) (func (export "malloc") (param i32) (result i32) (i32.const 64)) (func (export "proxy_abi_version_0_2_1"))
    (func (export "proxy_on_vm_start") (param i32 i32) (result i32)
      (loop (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
        (drop (call $set (i32.const 0) (i32.const 4) (i32.const 0) (i32.const 900000) (i32.const 0))) (br 0)) (i32.const 1)))`;
    const verdict = await createPreflight().validate(await wasm(flood), settings);
    assert.ok(!verdict.ok);
    assert.match(verdict.error.message, /went over a limit of the sandbox/);
  });
});

describe("problems and how they are told", () => {
  test("a trap under traffic is refused with its name and place", async () => {
    const error = await refusal(`(func (export "proxy_on_response_body") (param i32 i32 i32) (result i32) unreachable)`);
    assert.deepEqual([error.reason, error.message], ["TrafficFailed", "GET /: proxy_on_response_body trapped: unreachable"]);
  });

  test("a plugin that would kill the proxy is refused for that", async () => {
    const code = await wasm(script({ proxy_on_log: { steps: [["proxy_close_stream", 0]] } }));
    const verdict = await createPreflight().validate(code, settings);
    assert.ok(!verdict.ok);
    assert.equal(verdict.error.reason, "ProxyCrash");
  });

  test("a refused configuration is reported with the plugin's last words, and a secret one shows nowhere", async () => {
    const config = '{"token":"s3cr3t-value","n":12345}';
    const code = await wasm(script({ proxy_on_configure: { returns: 0, steps: [["proxy_get_buffer_bytes", 7, 0, 100, OUT]] } }));
    const preflight = createPreflight();
    const open = await preflight.validate(code, { ...settings, config });
    assert.ok(!open.ok);
    assert.match(open.error.message, /returned false; its last log line: \{"token":"s3cr3t-value"/);
    const hidden = await preflight.validate(code, { ...settings, config }, { secretConfig: true });
    assert.ok(!hidden.ok);
    assert.equal(hidden.error.reason, open.error.reason);
    assert.match(hidden.error.message, /^the module failed; its configuration comes from a Secret, so what it said is not shown;/);
  });
});

describe("a filter that holds headers while it reads the body", () => {
  const waits = async (allows: boolean, code: string) =>
    createPreflight().validate(await wasm(code), { ...settings, allowOnHeadersStopIteration: allows || undefined });
  const reader = (direction: "request" | "response") => holding(direction, { body: "(i32.eqz (local.get 2))" });

  for (const direction of ["request", "response"] as const) {
    test(`is refused with the name of the setting that it needs for its ${direction}, and passes with it`, async () => {
      const refused = await waits(false, reader(direction));
      assert.equal(refused.ok ? "" : refused.error.reason, "HeadersHeld");
      assert.match(
        refused.ok ? "" : refused.error.message,
        new RegExp(`holds the ${direction}'s headers.*set spec.allowOnHeadersStopIteration`),
      );
      assert.ok((await waits(true, reader(direction))).ok);
    });
  }

  test("is not told so when the setting would not help, or when a call of its own may still let the message go on", async () => {
    const forever = await waits(false, holding("request", { body: "(i32.const 1)", trailers: "(i32.const 1)" }));
    assert.ok(forever.ok && forever.value.effects.some((line) => line.includes("holds the request at its headers")));
    const traps = await waits(false, holding("request", { body: "unreachable" }));
    assert.ok(traps.ok, "the proxy would never call it");
    const complete = [":method", ":path", ":authority"].map((name) => [name, "x"] as const);
    const call: Step = ["proxy_http_call", "auth", Buffer.from(encodePairs(complete)).toString("latin1"), "", "", 1000, SINK];
    const parts = { proxy_on_request_headers: { returns: 1, steps: [call] }, proxy_on_request_body: { steps: [] } };
    assert.ok((await waits(false, script(parts))).ok);
    const early = await waits(true, script(parts));
    const warned = "lets headers that it held go on with the body, before a call of its own is answered";
    assert.ok(early.ok && early.value.effects.includes(warned));
  });
});

describe("when a module runs and when it does not", () => {
  test("the same inputs get the same verdict without another run; other settings get another", async () => {
    const code = await minimal();
    const preflight = createPreflight({ remembered: 1 });
    const [first, again] = [await preflight.validate(code, settings), await preflight.validate(code, settings)];
    assert.equal(first, again);
    assert.equal(
      first,
      await preflight.validate(code, { ...settings, slot: "other", priority: 7 }),
      "what the plugin cannot see does not matter",
    );
    assert.notEqual(first, await preflight.validate(code, { ...settings, config: "x" }));
    assert.notEqual(first, await preflight.validate(code, settings), "the older verdict was forgotten");
  });

  test("a verdict is not taken over from another namespace: it would tell what runs there, and what failed there", async () => {
    const code = await minimal();
    const preflight = createPreflight();
    const validate = (namespace: string) => preflight.validate(code, settings, { namespace });
    const [first, other, again] = [await validate("victim"), await validate("evil"), await validate("victim")];
    assert.equal(first, again);
    assert.notEqual(first, other);
    const slow = createPreflight({ maxLoadMs: 1 });
    const heavy = await wasm(`(module ${HEAD} ${"(func (result i32) (i32.const 1))".repeat(3000)})`);
    const refusedBy = async (namespace: string) => {
      const verdict = await slow.validate(heavy, { ...settings, config: namespace }, { namespace });
      return verdict.ok ? undefined : verdict.error;
    };
    const [there, here] = [await refusedBy("evil"), await refusedBy("victim")];
    assert.deepEqual([there?.reason, here?.reason], ["LoadTooSlow", "LoadTooSlow"]);
    assert.notEqual(there, here);
  });

  test("a preflight that is called off says so, may be tried again, and is not remembered", async () => {
    const code = await wasm(`(module ${HEAD} (func (export "_initialize") (loop (br 0))))`);
    const preflight = createPreflight({ phaseMs: { start: 150 } });
    const verdict = await preflight.validate(code, settings, { signal: AbortSignal.timeout(20) });
    assert.ok(!verdict.ok);
    assert.deepEqual([verdict.error.reason, verdict.error.retryable], ["Stopped", true]);
    const second = await preflight.validate(code, settings);
    assert.equal(second.ok ? "" : second.error.reason, "Timeout");
  });
});

describe("capabilities", () => {
  test("capabilities that name host functions only leave the callbacks alone", async () => {
    const code = await wasm(script({ proxy_on_response_headers: { steps: [["proxy_add_header_map_value", 2, "x-weir", "v1"]] } }));
    const verdict = await createPreflight().validate(code, { ...settings, capabilities: ["proxy_add_header_map_value"] });
    assert.ok(verdict.ok);
    assert.equal(verdict.value.effects[0], "GET /: response header added: x-weir: v1");
    assert.ok(verdict.value.effects.includes("calls proxy_log, which its capabilities forbid"));
  });

  test("capabilities keep a module from what they do not name, as in Envoy", async () => {
    const code = await wasm(script({ proxy_on_response_headers: { steps: [["proxy_add_header_map_value", 2, "x-weir", "v1"]] } }));
    const verdict = await createPreflight().validate(code, { ...settings, capabilities: ["proxy_on_response_headers", "proxy_log"] });
    assert.ok(verdict.ok);
    assert.ok(verdict.value.effects.includes("calls proxy_add_header_map_value, which its capabilities forbid"));
    assert.ok(!verdict.value.effects.some((line) => line.includes("header added")));
  });
});

describe("loadPlugin", () => {
  test("a plugin can be loaded without a sandbox, and what Envoy cannot load is a failure", async () => {
    const plugin = loadPlugin(await minimal());
    assert.ok(plugin.ok);
    assert.equal(plugin.value.problem, undefined);
    const missing = loadPlugin(await wasm(`(module (import "env" "nope" (func)) ${HEAD})`));
    assert.equal(missing.ok ? "" : missing.error.reason, "MissingImport");
    const invalid = loadPlugin(await wasm(`(module ${HEAD} (func (result i32) (i32.const 1)))`).then((code) => flipLastConstant(code)));
    assert.equal(invalid.ok ? "" : invalid.error.reason, "CompileFailed");
  });
});
