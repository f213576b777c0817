import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseExactJson } from "../../model/exact-json.ts";
import { DEFAULT_SETTINGS } from "../../model/settings.ts";
import { GOOD } from "./accepted.cases.ts";
import { parseFilter, problemsOf } from "./filter.ts";
import { BAD } from "./refused.cases.ts";

const wasmFilter = (spec: unknown, metadata: unknown = { name: "add-header", namespace: "shop" }) => ({
  apiVersion: "weir.dev/v1alpha1",
  kind: "WasmFilter",
  metadata,
  spec,
});

function parsed(spec: unknown) {
  const result = parseFilter(wasmFilter(spec));
  assert.ok(result.ok, JSON.stringify(result));
  return result.value;
}

function refusal(raw: unknown): string {
  const result = parseFilter(raw);
  assert.ok(!result.ok);
  assert.equal(result.error.reason, "InvalidSpec");
  assert.equal(result.error.retryable, false);
  return result.error.message;
}

describe("a spec that is wrong, and one that is not", () => {
  for (const { name, spec } of GOOD) {
    test(`accepts ${name}`, () => assert.deepEqual(problemsOf(wasmFilter(spec)), []));
  }

  for (const { name, spec, problems } of BAD) {
    test(`refuses ${name}`, () => {
      const found = problemsOf(wasmFilter(spec)).map(({ path, message }) => `${path}: ${message}`);
      assert.deepEqual(found.sort(), [...problems].sort());
      for (const problem of problems) assert.ok(refusal(wasmFilter(spec)).includes(problem));
    });
  }

  test("a request of a proof that no filter could meet is refused, one with what proxies leave or add is not", () => {
    const problems = (request: object) =>
      problemsOf(wasmFilter({ image: "a/b:1", preflight: { requests: [request] } })).map(({ path, message }) => `${path}: ${message}`);
    const header = (name: string, value: string) => ({ name, value });
    const at = "spec.preflight.requests[0]";
    assert.deepEqual(problems({ method: "CONNECT" }), [`${at}.method: a CONNECT has no path, and meets no filter; leave it out`]);
    assert.deepEqual(problems({ body: "é".repeat(32_769) }), [`${at}.body: must have at most 65536 bytes; it has 65538`]);
    assert.deepEqual(problems({ body: "é".repeat(32_768) }), []);
    for (const name of ["Transfer-Encoding", "keep-alive", "proxy-connection", "connection", "upgrade"])
      assert.match(
        problems({ headers: [header("x-a", "1"), header(name, "close")] }).join(),
        /^spec\.preflight\.requests\[0\]\.headers\[1\]\.name: a proxy takes /,
      );
    assert.deepEqual(problems({ headers: [header("Connection", "Upgrade"), header("Upgrade", "websocket")] }), []);
    assert.deepEqual(problems({ headers: [header("content-length", "2")], body: "é" }), []);
    for (const value of ["1", "", "+2", "2, 2", "999999999999999999999"])
      assert.match(
        problems({ headers: [header("Content-Length", value)], body: "é" }).join(),
        /\.headers\[0\]\.value: not the length of the body, which has 2 bytes/,
      );
  });

  test("a regular expression that no path begins as is refused; where that cannot be told, it is not", () => {
    const problems = (regex: string) => problemsOf(wasmFilter({ image: "a/b:1", match: [{ path: { regex } }] }));
    const words = "covers the whole path, and no path begins with a; begin it with /";
    for (const regex of ["api/.*", "^api", "a+/", "a{2}/"])
      assert.deepEqual(problems(regex), [{ path: "spec.match[0].path.regex", message: words }], regex);
    for (const regex of ["/api", "a?/x", "a*/x", "a{0}/x", "a{0,2}/x", "api|/x", "[a/]x", "\\/api", ".*", "(?:/|a)x", "^/a"])
      assert.deepEqual(problems(regex), [], regex);
    const steps = [{ match: [{ path: { regex: "api" } }] }, { percent: 100 }];
    assert.match(
      refusal(wasmFilter({ image: "a/b:1", rollout: { steps } })),
      /^spec\.rollout\.steps\[0\]\.match\[0\]\.path\.regex: covers/,
    );
  });

  test("labels and annotations are bounded in bytes, each in all", () => {
    for (const name of ["labels", "annotations"]) {
      const of = (length: number) => problemsOf(wasmFilter({ image: "a/b:1" }, { name: "f", [name]: { a: "é".repeat(length) } }));
      assert.deepEqual(of(131_071), []);
      assert.deepEqual(of(131_072), [{ path: `metadata.${name}`, message: "must have at most 262144 bytes; it has 262145" }]);
    }
  });

  test("a number of a config keeps its digits, one of another field is judged by its bounds", () => {
    const text = '{"ids":[9007199254740993,-9223372036854775808,9007199254740992,1e+300,0.1]}';
    const parsed = parseFilter(wasmFilter({ image: "a/b:1", config: parseExactJson(text) }));
    assert.equal(parsed.ok ? parsed.value.settings.config : parsed.error.message, text);
    assert.match(refusal(wasmFilter({ image: "a/b:1", priority: 9007199254740993n })), /^spec\.priority: must be 2147483647 or less$/);
  });

  test("a stored object whose steps have the defaults of before means the same", () => {
    const rollout = (steps: unknown[]) => parseFilter(wasmFilter({ image: "a/b:1", rollout: { steps } }));
    const written = rollout([
      { percent: 10, hold: "0s", pause: false },
      { percent: 100, hold: "0s", pause: false },
    ]);
    assert.ok(written.ok);
    assert.deepEqual(rollout([{ percent: 10 }, { percent: 100 }]), written);
    assert.deepEqual(written.value.rollout.steps[0], { percent: 10, holdMs: 0, pause: false });
  });

  test("refuses an environment variable that a module would see cut off", () => {
    const env = [
      { name: "A", value: "a" },
      { name: "B", value: "b\0c" },
    ];
    assert.match(
      refusal(wasmFilter({ image: "a/b:1", env })),
      /^spec\.env\[1\]\.value: a module would see it up to its NUL character only/,
    );
  });

  test("refuses labels and annotations that are no strings, as an API server does", () => {
    const metadata = { name: "a", labels: { stage: true, size: "5" }, annotations: { "example.com/on": 1 } };
    assert.equal(
      refusal({ ...wasmFilter({ image: "a/b:1" }), metadata }),
      "metadata.labels.stage: must be a string; put it in quotes | metadata.annotations.example.com/on: must be a string; put it in quotes",
    );
  });

  test("refuses things that are no WasmFilter", () => {
    for (const raw of [undefined, null, 3, "text", [], {}, { metadata: 1, spec: 2 }]) refusal(raw);
    assert.match(refusal({ ...wasmFilter({ image: "a/b:1" }), apiVersion: "weir.dev/v9" }), /^apiVersion: must be weir\.dev\/v1alpha1$/);
    assert.match(refusal({ ...wasmFilter({ image: "a/b:1" }), kind: "Filter" }), /^kind: must be WasmFilter$/);
    assert.match(refusal({ ...wasmFilter({ image: "a/b:1" }), specs: {} }), /^specs: unknown field; did you mean spec\?$/);
    assert.match(refusal({ ...wasmFilter({ image: "a/b:1" }), spec: undefined }), /^spec: required, but missing$/);
    assert.match(refusal(wasmFilter({ image: "a/b:1" }, {})), /^metadata\.name: must be a name/);
    assert.match(
      refusal(wasmFilter({ image: "a/b:1" }, { name: "A_b", namespace: "x.y" })),
      /^metadata\.name: .* \| metadata\.namespace: /,
    );
  });

  test("refuses field names that JavaScript objects inherit", () => {
    const spec = JSON.parse('{"image": "a/b:1", "__proto__": {"suspend": true}, "constructor": 1, "toString": 2}') as unknown;
    assert.match(
      refusal(wasmFilter(spec)),
      /spec\.__proto__: unknown field.*spec\.constructor: unknown field.*spec\.toString: unknown field/,
    );
  });

  test("does not look at the status that comes with the object", () => {
    assert.deepEqual(problemsOf({ ...wasmFilter({ image: "a/b:1" }), status: { anything: [1] } }), []);
  });

  test("never repeats the value of a config or of an environment variable", () => {
    const message = refusal(
      wasmFilter({ image: "a/b:1", env: [{ name: "A", value: 31337 }], config: { password: 2 ** 60, a: "hunter2" } }),
    );
    assert.ok(!message.includes("31337") && !message.includes("hunter2") && !message.includes(String(2 ** 60)));
  });
});

describe("what a spec becomes", () => {
  test("fills in every default", () => {
    assert.deepEqual(parsed({ image: "a/b:1" }), {
      key: { namespace: "shop", name: "add-header" },
      uid: "",
      generation: 0,
      source: { kind: "image", image: "a/b:1" },
      pin: undefined,
      pullPolicy: "IfNotPresent",
      intervalMs: 60_000,
      pullSecrets: [],
      verify: [],
      whenUnverified: "Keep",
      proof: { traffic: "Enforce", requests: [] },
      settings: {
        ...DEFAULT_SETTINGS,
        type: "HTTP",
        slot: "default",
        priority: 0,
        rootId: "",
        failurePolicy: "Reload",
        config: "",
        env: [],
        capabilities: undefined,
      },
      configFrom: undefined,
      selector: { matchLabels: {}, matchExpressions: [] },
      rollout: {
        steps: [{ percent: 100, holdMs: 0, pause: false }],
        isWatched: true,
        progressDeadlineMs: 600_000,
        autoRollback: true,
        analysis: { minRequests: 50, max5xxRisePercent: 5, maxLatencyRatio: 3 },
      },
      revisionHistoryLimit: 10,
      suspend: false,
      whenMissing: "Open",
    });
  });

  test("a filter that fails closed must be there, unless its spec says otherwise", () => {
    const whenMissing = (spec: object) => parsed({ image: "a/b:1", ...spec }).whenMissing;
    assert.equal(whenMissing({ failurePolicy: "Closed" }), "Closed");
    assert.equal(whenMissing({ failurePolicy: "Open" }), "Open");
    assert.equal(whenMissing({ failurePolicy: "Closed", whenMissing: "Open" }), "Open");
    assert.equal(whenMissing({ whenMissing: "Closed" }), "Closed");
  });

  test("the model's default settings are those of a spec that asks for nothing", () => {
    assert.deepEqual(parsed({ image: "a/b:1" }).settings, DEFAULT_SETTINGS);
  });

  test("reads durations as milliseconds", () => {
    const { intervalMs, rollout } = parsed({
      image: "a/b:1",
      interval: "1h30m",
      rollout: {
        steps: [
          { percent: 5, hold: "500ms" },
          { percent: 100, hold: "1.5s" },
        ],
        progressDeadline: "2m",
      },
    });
    assert.equal(intervalMs, 5_400_000);
    assert.equal(rollout.progressDeadlineMs, 120_000);
    assert.deepEqual(rollout.steps, [
      { percent: 5, holdMs: 500, pause: false },
      { percent: 100, holdMs: 1_500, pause: false },
    ]);
  });

  test("hands the plugin a config string as it is and an object as JSON in the order it was written", () => {
    const text = (config: unknown) => parsed({ image: "a/b:1", config }).settings.config;
    assert.deepEqual(text("a = b\n"), "a = b\n");
    assert.deepEqual(text({ z: 1, a: { y: [1, null], b: true } }), '{"z":1,"a":{"y":[1,null],"b":true}}');
    assert.deepEqual(text([1, "x"]), '[1,"x"]');
    assert.deepEqual(text(""), "");
  });

  test("reads where config, keys and module come from", () => {
    assert.deepEqual(parsed({ image: "a/b:1", configFrom: { secretKeyRef: { name: "s", key: "k" } } }).configFrom, {
      kind: "secret",
      name: "s",
      key: "k",
    });
    assert.deepEqual(parsed({ image: "a/b:1", configFrom: { configMapKeyRef: { name: "s", key: "k" } } }).configFrom, {
      kind: "configMap",
      name: "s",
      key: "k",
    });
    assert.deepEqual(parsed({ image: "a/b:1", verify: [{ cosign: { publicKeySecret: { name: "s", key: "k" } } }] }).verify, [
      { signer: { kind: "key", publicKey: { kind: "secret", name: "s", key: "k" } }, attestation: undefined },
    ]);
    const trustRoot = { configMapKeyRef: { name: "s", key: "k" } };
    const attestation = { predicateType: "https://spdx.dev/Document" };
    const keyless = { issuer: "https://i", identityRegExp: ".*", trustRoot };
    assert.deepEqual(parsed({ image: "a/b:1", verify: [{ cosign: { keyless, attestation } }] }).verify, [
      {
        signer: {
          kind: "keyless",
          issuer: { exact: "https://i" },
          identity: { regExp: ".*" },
          trustRoot: { kind: "configMap", name: "s", key: "k" },
        },
        attestation,
      },
    ]);
    const hex = "0f".repeat(32);
    const url = "https://host/a.wasm";
    assert.deepEqual(parsed({ url, sha256: hex }).source, { kind: "url", url, sha256: `sha256:${hex}` });
    assert.deepEqual(parsed({ url, sha256: `sha256:${hex}` }).source, { kind: "url", url, sha256: `sha256:${hex}` });
  });

  test("an empty list of capabilities allows none; none at all means what the module imports", () => {
    assert.deepEqual(parsed({ image: "a/b:1", capabilities: { allow: [] } }).settings.capabilities, []);
    assert.equal(parsed({ image: "a/b:1" }).settings.capabilities, undefined);
  });
});
