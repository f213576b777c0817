import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { silentMetrics } from "../../model/metrics.ts";
import { typeUrls } from "../protocol/resource.ts";
import { createStreamMeter, nackReasonOf } from "./meter.ts";

describe("what streams send and what comes back", () => {
  test("a push counts by type, an ACK by its time since the push, a NACK by its reason", () => {
    const told: unknown[] = [];
    let now = 1_000;
    const meter = createStreamMeter(
      {
        ...silentMetrics,
        pushed: (type) => told.push(["pushed", type]),
        acknowledged: (type, seconds) => told.push(["acknowledged", type, seconds]),
        rejected: (reason) => told.push(["rejected", reason]),
      },
      () => now,
    );
    meter.sent(typeUrls.extensionConfig);
    meter.sent("type.googleapis.com/of.another");
    now = 1_250;
    meter.answered(typeUrls.listener, { items: [], error: undefined, sentAt: 1_000 });
    meter.answered(typeUrls.extensionConfig, { items: [], error: "Unable to create Wasm plugin shop/a", sentAt: 1_000 });
    assert.deepEqual(told, [
      ["pushed", "extension_config"],
      ["pushed", "other"],
      ["acknowledged", "listener", 0.25],
      ["rejected", "plugin"],
    ]);
  });

  test("the reason is one of a few, whatever a proxy says", () => {
    for (const [message, reason] of [
      ["Unable to create Wasm HTTP filter shop/a", "plugin"],
      ["Proto constraint validation failed (FilterChainValidationError.Filters: value must contain at least 1 item(s))", "resource"],
      ["Protobuf message (type x with unknown field set {4}) has unknown fields", "resource"],
      ["Didn't find a registered implementation for 'x' with type URL: 'y'", "resource"],
      ["", "other"],
      ["no", "other"],
    ] as const) {
      assert.equal(nackReasonOf(message), reason, message);
    }
  });
});
