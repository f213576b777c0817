import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { startCpuTime } from "../../base/cpu-time.ts";
import { DeltaDiscoveryRequest, DiscoveryRequest } from "../gen/envoy/service/discovery/v3/discovery.ts";
import { excessOf } from "./request-bounds.ts";

const names = (count: number) => Array.from({ length: count }, (_, index) => `weir/s/n/${index}`);
const delta = (request: DeltaDiscoveryRequest) => DeltaDiscoveryRequest.encode(request).finish();
const sotw = (request: DiscoveryRequest) => DiscoveryRequest.encode(request).finish();

describe("the bounds of a request", () => {
  test("names are counted before they are decoded, whatever the field", () => {
    assert.equal(excessOf("delta", delta({ resourceNamesSubscribe: names(1_000) }), 1_000), undefined);
    assert.equal(excessOf("delta", delta({ resourceNamesSubscribe: names(1_100) }), 1_000), "names");
    assert.equal(excessOf("delta", delta({ resourceNamesUnsubscribe: names(1_100) }), 1_000), "names");
    const claims = Object.fromEntries(names(1_100).map((name) => [name, "v"]));
    assert.equal(excessOf("delta", delta({ initialResourceVersions: claims }), 1_000), "names");
    assert.equal(excessOf("sotw", sotw({ resourceNames: names(1_100) }), 1_000), "names");
  });

  test("a request of a million names costs no more than one of ten thousand", (t) => {
    const bytes = delta({ resourceNamesSubscribe: names(400_000) });
    const taken = startCpuTime();
    assert.equal(excessOf("delta", bytes, 10_000), "names");
    const took = taken();
    assert(took < 50, `${took} ms`);
    t.diagnostic(`a request of ${bytes.length} bytes was refused after ${took.toFixed(2)} ms`);
  });

  test("texts and nodes are bounded in bytes", () => {
    const long = "x".repeat(1_025);
    assert.match(String(excessOf("delta", delta({ resourceNamesSubscribe: [long] }), 10)), /a resource name .* 512 bytes/);
    assert.match(String(excessOf("sotw", sotw({ typeUrl: long }), 10)), /1024 bytes/);
    const node = { id: "a", metadata: { blob: "x".repeat(600_000) } };
    assert.match(String(excessOf("delta", delta({ node }), 10)), /the node message/);
    assert.match(String(excessOf("sotw", sotw({ node }), 10)), /the node message/);
  });

  test("a field that goes beyond the message is left to the decoder", () => {
    assert.equal(excessOf("delta", Buffer.from([26, 200, 1, 1]), 10), undefined);
    assert.equal(excessOf("delta", Buffer.from([0xff, 0xff]), 10), undefined);
  });
});
