import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { WasmFilter } from "../../../model/gen/wasmfilter.ts";
import { namedBy, namedByPolicy } from "./named.ts";

const named = (spec: unknown) => namedBy({ metadata: { name: "a", namespace: "shop" }, spec } as WasmFilter);

describe("what a raw WasmFilter names", () => {
  test("finds every Secret and ConfigMap that a filter names", () => {
    assert.deepEqual(
      named({
        configFrom: { secretKeyRef: { name: "s", key: "k" }, configMapKeyRef: { name: "c", key: "k" } },
        pullSecrets: [{ name: "p" }, { name: "q" }],
        verify: [{ cosign: { publicKeySecret: { name: "v", key: "k" } } }, { cosign: { publicKey: "PEM" } }],
      }),
      ["secret/shop/s", "configmap/shop/c", "secret/shop/p", "secret/shop/q", "secret/shop/v"],
    );
  });

  test("parts of a wrong shape name nothing", () => {
    for (const spec of [
      undefined,
      null,
      3,
      {},
      { configFrom: [], pullSecrets: {}, verify: [null, { cosign: 1 }] },
      { pullSecrets: [{ name: 3 }] },
    ]) {
      assert.deepEqual(named(spec), []);
    }
  });
});

test("a policy names the objects that hold its keys; parts of a wrong shape name nothing", () => {
  const entry = (cosign: unknown) => ({ pattern: "**", verify: [{ cosign }] });
  const [secret, configMap] = [{ publicKeySecret: { name: "s", key: "k" } }, { publicKeyConfigMap: { name: "c", key: "k" } }];
  assert.deepEqual(namedByPolicy({ spec: { images: [entry(secret), entry(configMap), entry({ publicKey: "PEM" })] } }), [
    "secret/s",
    "configmap/c",
  ]);
  for (const spec of [undefined, null, { images: 3 }, { images: [null, entry(1), entry({ publicKeySecret: { name: 3 } })] }])
    assert.deepEqual(namedByPolicy({ spec }), []);
});
