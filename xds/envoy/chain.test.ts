import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import wabt from "wabt";
import { TypedExtensionConfig } from "../gen/envoy/config/core/v3/extension.ts";
import { FilterChainConfig } from "../gen/envoy/extensions/filters/http/filter_chain/v3/filter_chain.ts";
import { Wasm } from "../gen/envoy/extensions/filters/http/wasm/v3/wasm.ts";
import { Any } from "../gen/google/protobuf/any.ts";
import { join } from "../protobuf/wire.ts";
import { type Resource, typeUrls } from "../protocol/resource.ts";
import { codeFixture, entryFixture } from "../testing/entry.ts";
import {
  chainResource,
  chainVersion,
  FILTER_CHAIN_TYPE,
  HTTP_WASM_TYPE,
  NETWORK_WASM_TYPE,
  parseName,
  passThroughResource,
  wasmResource,
} from "./chain.ts";
import type { Dialect } from "./dialect.ts";
import { passThroughModule } from "./pass-through.ts";

const dialect: Dialect = { form: "chain", restriction: "vm" };

function open(resource: Resource): { name: string; typeUrl: string; value: Uint8Array } {
  const outer = Any.decode(join(resource.encode(codeFixture())));
  assert.equal(outer.typeUrl, typeUrls.extensionConfig);
  const extension = TypedExtensionConfig.decode(outer.value ?? new Uint8Array());
  return {
    name: extension.name ?? "",
    typeUrl: extension.typedConfig?.typeUrl ?? "",
    value: extension.typedConfig?.value ?? new Uint8Array(),
  };
}

describe("the resources of a slot", () => {
  test("a chain is one FilterChainConfig that holds its HTTP filters in order", () => {
    const chain = [entryFixture("b"), entryFixture("tcp", { type: "Network" }), entryFixture("a")];
    const resource = chainResource("edge", chain, dialect, "1");
    assert.equal(resource.name, "weir/edge");
    const extension = open(resource);
    assert.equal(extension.name, "weir/edge");
    assert.equal(extension.typeUrl, FILTER_CHAIN_TYPE);
    const filters = FilterChainConfig.decode(extension.value).defaultFilterChain?.filters ?? [];
    assert.deepEqual(
      filters.map((filter) => [filter.name, filter.typedConfig?.typeUrl]),
      [
        ["shop/b", HTTP_WASM_TYPE],
        ["shop/a", HTTP_WASM_TYPE],
      ],
    );
    assert.equal(Wasm.decode(filters[0]?.typedConfig?.value ?? new Uint8Array()).config?.name, "shop/b");
  });

  test("the empty chain has no default_filter_chain at all", () => {
    const extension = open(chainResource("default", [], dialect, "1"));
    assert.equal(FilterChainConfig.decode(extension.value).defaultFilterChain, undefined);
  });

  test("a version follows slot, order and content of the HTTP filters, and is known without encoding", () => {
    const [a, b] = [entryFixture("a"), entryFixture("b")];
    const version = chainResource("default", [a, b], dialect, "1").version;
    assert.equal(chainVersion("default", [entryFixture("a"), entryFixture("b")], dialect), version);
    assert.equal(chainVersion("default", [a, entryFixture("tcp", { type: "Network" }), b], dialect), version);
    const others = [
      chainVersion("other", [a, b], dialect),
      chainVersion("default", [b, a], dialect),
      chainVersion("default", [a], dialect),
      chainVersion("default", [], dialect),
      chainVersion("default", [a, entryFixture("b", { config: "x" })], dialect),
    ];
    assert.equal(new Set([version, ...others]).size, 6);
  });

  test("another attempt at the same content has other bytes and the same version", () => {
    const [first, second] = ["1", "2"].map((attempt) => chainResource("default", [entryFixture("a")], dialect, attempt));
    assert.equal(first?.version, second?.version);
    assert.notDeepEqual(join(first?.encode(codeFixture()) ?? []), join(second?.encode(codeFixture()) ?? []));
  });

  test("what is encoded changes only together with its version", () => {
    const entry = entryFixture("a", { config: "c", rootId: "r", env: [{ name: "A", value: "b" }] });
    const digest = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex").slice(0, 16);
    const encoded = (["vm", "plugin"] as const).map((restriction) =>
      digest(join(chainResource("default", [entry], { form: "chain", restriction }, "1").encode(codeFixture()))),
    );
    // When these change on purpose, raise ENCODING: proxies that hold the old bytes under the same version would never get the new ones.
    assert.deepEqual(encoded, ["a4b687f844070627", "e134b63d89f06f63"]);
  });

  test("one filter is its own resource, of the type its filter has", () => {
    const http = wasmResource("default", entryFixture("a"), dialect, "1");
    assert.equal(http.name, "weir/default/shop/a");
    assert.equal(open(http).name, "weir/default/shop/a");
    assert.equal(open(http).typeUrl, HTTP_WASM_TYPE);
    assert.equal(open(wasmResource("default", entryFixture("a", { type: "Network" }), dialect, "1")).typeUrl, NETWORK_WASM_TYPE);
  });

  test("the pass-through module is the one its comment shows", async () => {
    const { parseWat } = await wabt();
    const text = `(module
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 0))
    (memory (export "memory") 1))`;
    assert.deepEqual(Buffer.from(parseWat("pass-through.wat", text).toBinary({}).buffer), Buffer.from(passThroughModule));
    const config = Wasm.decode(open(passThroughResource("default", { namespace: "shop", name: "a" }, "HTTP", dialect, "1")).value).config;
    assert.equal(config?.name, "shop/a");
  });

  test("resource names are read back, foreign ones are not", () => {
    assert.deepEqual(parseName("weir/default"), { slot: "default", filter: undefined });
    assert.deepEqual(parseName("weir/default/shop/a"), { slot: "default", filter: { namespace: "shop", name: "a" } });
    for (const name of ["", "*", "weir", "weir/", "other/default", "weir/default/shop", "weir/default//a", "weir/default/shop/a/b"]) {
      assert.equal(parseName(name), undefined, name);
    }
  });

  test("a chain with a large module is encoded with one copy of it", () => {
    const code = codeFixture(new Uint8Array(16 << 20));
    const chain = [entryFixture("a")];
    join(chainResource("default", chain, dialect, "1").encode(code));
    const started = process.cpuUsage();
    for (let i = 0; i < 5; i++) join(chainResource("default", chain, dialect, "1").encode(code));
    const perChainMs = process.cpuUsage(started).user / 5_000;
    assert.ok(perChainMs < 200, `${perChainMs} ms for 16 MiB`);
  });
});
