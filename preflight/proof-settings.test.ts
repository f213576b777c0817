import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { silentMetrics, TOLD_REASONS, type ToldReason } from "../model/metrics.ts";
import { DEFAULT_PROOF, type ProofSettings, type SampleRequest } from "../model/proof.ts";
import { DEFAULT_SETTINGS as settings } from "../model/settings.ts";
import { createPreflight } from "./index.ts";
import { holding } from "./testing/holding.ts";
import { wasm } from "./testing/wat.ts";

const REPORT: ProofSettings = { traffic: "Report", requests: [] };
const get = (path: string, headers: Readonly<Record<string, string>> = {}): SampleRequest => ({
  method: "GET",
  path,
  headers: Object.entries(headers).map(([name, value]) => ({ name, value })),
  body: "",
});

/** A module that looks at a request header, and does this when the header is not there, and that when it is. */
function looks(header: string, absent: string, present = "", more = ""): Promise<Uint8Array> {
  return wasm(`(module
    (import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_remove_header_map_value" (func $remove (param i32 i32 i32) (result i32)))
    (import "env" "proxy_set_tick_period_milliseconds" (func $period (param i32) (result i32)))
    (import "env" "proxy_close_stream" (func $close (param i32) (result i32)))
    (memory (export "memory") 1) (data (i32.const 0) "${header}") (data (i32.const 64) ":path")
    (func (export "malloc") (param i32) (result i32) (i32.const 4096))
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
      (if (call $get (i32.const 0) (i32.const 0) (i32.const ${header.length}) (i32.const 32) (i32.const 36))
        (then ${absent}) (else ${present})) (i32.const 0))
    (func (export "proxy_on_configure") (param i32 i32) (result i32)
      (drop (call $period (i32.const 1000))) (i32.const 1)) ${more})`);
}

const TENANT = { "X-Tenant": "a" };
const TRAPS = "unreachable";
const LOOPS = "(loop (br 0))";

async function prove(code: Uint8Array, proof: ProofSettings, options: Parameters<typeof createPreflight>[0] = {}) {
  return createPreflight(options).validate(code, settings, { proof });
}

describe("requests of the filter's author", () => {
  test("take the place of the synthetic ones: a filter that needs its users' headers passes on them, and traps are told by request", async () => {
    const code = await looks("x-tenant", TRAPS);
    const synthetic = await prove(code, DEFAULT_PROOF);
    assert.ok(!synthetic.ok);
    assert.match(synthetic.error.message, /^GET \/: proxy_on_request_headers trapped: unreachable/);
    assert.ok((await prove(code, { ...DEFAULT_PROOF, requests: [get("/", TENANT), get("/b", TENANT)] })).ok);
    const second = await prove(code, { ...DEFAULT_PROOF, requests: [get("/", TENANT), get("/b")] });
    assert.deepEqual(second.ok ? "" : second.error.reason, "TrafficFailed");
    assert.match(second.ok ? "" : second.error.message, /^GET \/b: proxy_on_request_headers trapped/);
  });

  test("reach the filter as a proxy passes them on: host is the authority, a body has its length, names are in lower case", async () => {
    const code = await wasm(
      holding("request", {
        body: "(drop (call $set (i32.const 0) (i32.const 0) (i32.const 6) (i32.const 6) (i32.const 1))) (i32.const 0)",
      }),
    );
    const request = {
      method: "PUT",
      path: "/a?b=c",
      headers: [
        { name: "Host", value: "shop.example" },
        { name: "X-A", value: "1" },
      ],
      body: "é",
    };
    const verdict = await createPreflight().validate(
      code,
      { ...settings, allowOnHeadersStopIteration: true },
      { proof: { ...DEFAULT_PROOF, requests: [request] } },
    );
    assert.ok(verdict.ok);
    assert.deepEqual(verdict.value.effects, ["PUT /a?b=c: request header added: x-body: 1"]);
    for (const header of ["content-length", "x-a", "x-request-id", ":authority"])
      assert.ok((await prove(await looks(header, TRAPS), { ...DEFAULT_PROOF, requests: [request] })).ok, header);
    assert.ok(!(await prove(await looks("host", TRAPS), { ...DEFAULT_PROOF, requests: [request] })).ok);
  });

  test("are part of what a verdict is remembered for, and so is what it does with traps", async () => {
    const preflight = createPreflight();
    const code = await looks("x-tenant", TRAPS);
    const validate = (proof?: ProofSettings) => preflight.validate(code, settings, proof === undefined ? {} : { proof });
    const [plain, same] = [await validate(), await validate(DEFAULT_PROOF)];
    assert.equal(plain, same);
    const others = [
      await validate(REPORT),
      await validate({ ...DEFAULT_PROOF, requests: [get("/", TENANT)] }),
      await validate({ ...DEFAULT_PROOF, requests: [get("/x", TENANT)] }),
      await validate({ ...REPORT, requests: [get("/", TENANT)] }),
    ];
    assert.equal(new Set([plain, ...others]).size, 5);
    assert.deepEqual(
      [plain, ...others].map(({ ok }) => ok),
      [false, true, true, true, true],
    );
  });
});

describe("traffic: Report", () => {
  test("what fails requests is told with its reason, counted, and refused by Enforce", async () => {
    const counted: ToldReason[] = [];
    const metrics = { ...silentMetrics, letThrough: (reason: ToldReason) => void counted.push(reason) };
    const breaks = "(drop (call $remove (i32.const 0) (i32.const 64) (i32.const 5)))";
    const codes = {
      TrafficFailed: await looks("x-tenant", TRAPS),
      BrokenMessage: await looks("x-tenant", breaks),
      HeadersHeld: await wasm(holding("request", {})),
    };
    for (const reason of TOLD_REASONS) {
      const told = await prove(codes[reason], REPORT, { metrics });
      assert.equal(told.ok ? told.value.told?.reason : told.error.message, reason);
      const refused = await prove(codes[reason], DEFAULT_PROOF, { metrics });
      assert.deepEqual(refused.ok ? "" : refused.error, { reason, message: told.ok ? told.value.told?.message : "", retryable: false });
    }
    assert.deepEqual(counted, TOLD_REASONS);
  });

  test("does not let through what would hang or crash a proxy, be it after a trap", async () => {
    const requests = [get("/first"), get("/second", TENANT)];
    const limits = { phaseMs: { traffic: 300 } };
    for (const proof of [
      { ...REPORT, requests },
      { ...REPORT, requests: requests.toReversed() },
    ]) {
      const hangs = await prove(await looks("x-tenant", TRAPS, LOOPS), proof, limits);
      assert.equal(hangs.ok ? "passes" : hangs.error.reason, "Timeout");
    }
    const crashes = "(drop (call $close (i32.const 0))) (drop (call $close (i32.const 0)))";
    const crashed = await prove(await looks("x-tenant", TRAPS, crashes), { ...REPORT, requests });
    assert.equal(crashed.ok ? "passes" : crashed.error.reason, "ProxyCrash");
    const grows = "(drop (memory.grow (i32.const 100)))";
    const large = await prove(await looks("x-tenant", TRAPS, grows), { ...REPORT, requests }, { maxMemoryPages: 64 });
    assert.equal(large.ok ? "passes" : large.error.reason, "MemoryLimit");
    const ticks = await prove(await looks("x-tenant", TRAPS, "", `(func (export "proxy_on_tick") (param i32) ${LOOPS})`), REPORT, limits);
    assert.equal(ticks.ok ? "passes" : ticks.error.reason, "Timeout");
    const trapsLarge = await prove(await looks("x-tenant", `${grows} unreachable`), REPORT, { maxMemoryPages: 64 });
    assert.equal(trapsLarge.ok ? "passes" : trapsLarge.error.reason, "MemoryLimit");
  });

  test("each trap costs a plugin: where the rest can't be tried within the bounds it is refused, and the message says so", async () => {
    const requests = Array.from({ length: 16 }, (_, index) => get(`/${index}`));
    const code = await looks("x-tenant", `(drop (memory.grow (i32.const 7))) unreachable`);
    assert.ok((await prove(code, { ...REPORT, requests })).ok);
    const verdict = await prove(code, { ...REPORT, requests }, { maxMemoryPages: 64 });
    assert.equal(verdict.ok ? "passes" : verdict.error.reason, "TrafficFailed");
    assert.match(verdict.ok ? "" : verdict.error.message, /^GET \/0: .*trapped.*; 11 of the requests could not be tried after it/);
  });

  test("a module that does not load is refused as ever, and with a configuration from a Secret nothing of what it said is shown", async () => {
    const bad = await wasm(`(module (memory (export "memory") 1) (func (export "malloc") (param i32) (result i32) (i32.const 64))
      (func (export "proxy_abi_version_0_2_1")) (func (export "proxy_on_configure") (param i32 i32) (result i32) (i32.const 0)))`);
    const refused = await prove(bad, REPORT);
    assert.equal(refused.ok ? "passes" : refused.error.reason, "ConfigureFailed");
    const secret = await createPreflight().validate(await looks("x-tenant", TRAPS), settings, { proof: REPORT, secretConfig: true });
    assert.ok(secret.ok);
    assert.match(secret.value.told?.message ?? "", /^the module failed; its configuration comes from a Secret/);
  });
});
