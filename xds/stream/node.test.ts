import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type Extension, Node } from "../gen/envoy/config/core/v3/base.ts";
import { DeltaDiscoveryRequest, DiscoveryRequest } from "../gen/envoy/service/discovery/v3/discovery.ts";
import { decodeNode, parseNode } from "./node.ts";
import { decodeRequest } from "./request.ts";

const CHAIN = "envoy.filters.http.filter_chain";
const text = fc.string({ maxLength: 40 });
const extension: fc.Arbitrary<Extension> = fc.record({
  name: fc.oneof(text, fc.constantFrom(CHAIN, `${CHAIN}s`, "envoy.filters.http.filter_chai", "")),
  category: fc.oneof(text, fc.constant(CHAIN)),
  typeUrls: fc.array(text, { maxLength: 3 }),
});
const node = fc.record({
  id: text,
  cluster: text,
  metadata: fc.dictionary(
    fc.oneof(text, fc.constantFrom("NAMESPACE", "LABELS", "WEIR_MANAGED", "LABELSX")),
    fc.oneof(text, fc.constant(CHAIN), fc.dictionary(text, text, { maxKeys: 3 })),
  ),
  userAgentName: text,
  extensions: fc.array(extension, { maxLength: 12 }),
  clientFeatures: fc.array(text, { maxLength: 3 }),
});

describe("the node of a request", () => {
  test("of a node its id, version and used metadata are read, and whether its extensions have filter_chain", () => {
    fc.assert(
      fc.property(node, (message) => {
        const { extensions, id, metadata = {} } = Node.decode(Node.encode(message).finish());
        const read = decodeNode(Node.encode(message).finish());
        assert.equal(read.hasFilterChain, extensions?.some(({ name }) => name === CHAIN) ?? false);
        assert.equal(read.id, id);
        const used = Object.entries(metadata).filter(([key]) => ["NAMESPACE", "LABELS", "WEIR_MANAGED"].includes(key));
        assert.deepEqual(Object.fromEntries(Object.entries(read.metadata ?? {})), Object.fromEntries(used));
        assert.equal(read.cluster ?? "", "");
      }),
    );
  });

  test("a node of half a megabyte costs next to nothing, whatever is in it", (t) => {
    const fill = (count: number, each: (index: number) => [string, unknown]) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => each(index)));
    for (const metadata of [fill(40_000, (index) => [`k${index}`, 1]), { deep: fill(40_000, (index) => [`k${index}`, ""]) }]) {
      const bytes = Node.encode({ id: "a", metadata: { ...metadata, NAMESPACE: "shop" } }).finish();
      const began = performance.now();
      assert.deepEqual(decodeNode(bytes).metadata, { NAMESPACE: "shop" });
      t.diagnostic(`${bytes.length} bytes: ${(performance.now() - began).toFixed(1)} ms`);
    }
    const labels = Node.encode({ id: "a", metadata: { LABELS: fill(10_000, (index) => [`k${index}`, "v"]) } }).finish();
    assert.throws(() => decodeNode(labels), /node\.metadata has more than 65536 bytes/);
  });

  test("a request is read the same with its node and without", () => {
    fc.assert(
      fc.property(node, text, fc.array(text, { maxLength: 5 }), (message, typeUrl, names) => {
        const delta = DeltaDiscoveryRequest.encode({ node: message, typeUrl, resourceNamesSubscribe: names }).finish();
        const sotw = DiscoveryRequest.encode({ versionInfo: "1", node: message, typeUrl, resourceNames: names }).finish();
        for (const [variant, bytes] of [["delta", delta] as const, ["sotw", sotw] as const]) {
          const first = decodeRequest(variant, bytes, true);
          assert.equal(first?.node?.id, Node.decode(Node.encode(message).finish()).id);
          assert.equal(first?.typeUrl, typeUrl);
          assert.deepEqual(decodeRequest(variant, bytes, false), { ...first, node: undefined });
        }
      }),
    );
  });

  test("no bytes make the reader of requests throw", () => {
    const bytes = DeltaDiscoveryRequest.encode({ node: { id: "a", extensions: [{ name: CHAIN }] }, typeUrl: "t" }).finish();
    for (let length = 0; length < bytes.length; length++) decodeRequest("delta", bytes.subarray(0, length), true);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.constantFrom("delta" as const, "sotw" as const), (garbage, variant) => {
        decodeRequest(variant, garbage, true);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("a node whose client proved who it is", () => {
  const node = (id: string, namespace?: string) => ({
    id,
    hasFilterChain: true,
    ...(namespace === undefined ? {} : { metadata: { NAMESPACE: namespace } }),
  });
  const prove = (nodeId: string | undefined) => ({ role: "proxy", namespace: "shop", nodeId, until: undefined }) as const;

  test("is of the namespace that was proved, whether it says so or not", () => {
    for (const namespace of ["shop", undefined]) {
      const parsed = parseNode(node("web-1", namespace), prove("web-1"));
      assert(parsed.ok);
      assert.equal(parsed.value.key, "shop/web-1");
      assert.equal(parsed.value.namespace, "shop");
    }
  });

  test("may not claim another namespace, nor another node where one was proved", () => {
    const reason = (...args: Parameters<typeof parseNode>) => {
      const parsed = parseNode(...args);
      return parsed.ok ? parsed.value.key : `${parsed.error.reason}: ${parsed.error.message}`;
    };
    assert.match(reason(node("web-1", "other"), prove(undefined)), /^NotYours: node.metadata.NAMESPACE is other, .* belongs to shop/);
    assert.match(reason(node("web-2", "shop"), prove("web-1")), /^NotYours: node.id is web-2, .* it is web-1/);
    assert.equal(reason(node("web-2", "shop"), prove(undefined)), "shop/web-2");
  });

  test("that runs in a pod has the pod's name and labels, whatever it says; another namespace it may not claim", () => {
    const labels = { app: "pay" };
    const identity = { ...prove("web-1"), podUid: "u", pod: { labels, onChange: () => () => {} } };
    for (const id of ["router~10.0.0.1~web-1.shop", "", "web-2"]) {
      const parsed = parseNode({ ...node(id), metadata: { LABELS: { app: "admin" } } }, identity);
      assert(parsed.ok);
      assert.deepEqual([parsed.value.key, parsed.value.id, parsed.value.labels], ["shop/web-1", "web-1", labels]);
    }
    const foreign = parseNode(node("web-1", "other"), identity);
    assert.match(foreign.ok ? "" : foreign.error.message, /belongs to shop/);
  });
});
