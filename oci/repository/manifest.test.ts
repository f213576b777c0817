import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { digestAside, digestOf } from "../../model/digest.ts";
import { parseManifest } from "./manifest.ts";

const raw = (document: unknown) => {
  const bytes = new TextEncoder().encode(JSON.stringify(document));
  return { bytes, digest: digestOf(bytes), mediaType: "application/json" };
};

describe("parseManifest", () => {
  test("whatever JSON a registry answers is read or refused, never thrown on", () => {
    const descriptor = fc.record(
      {
        mediaType: fc.anything(),
        digest: fc.oneof(fc.constant(`sha256:${"a".repeat(64)}`), fc.string()),
        size: fc.oneof(fc.nat(), fc.double(), fc.string()),
        platform: fc.jsonValue(),
        annotations: fc.jsonValue(),
      },
      { requiredKeys: [] },
    );
    const document = fc.record(
      {
        schemaVersion: fc.constantFrom(1, 2, "2"),
        mediaType: fc.jsonValue(),
        config: fc.oneof(descriptor, fc.jsonValue()),
        layers: fc.oneof(fc.array(descriptor), fc.jsonValue()),
        manifests: fc.oneof(fc.array(descriptor), fc.jsonValue()),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.oneof(document, fc.jsonValue()), (value) => {
        const parsed = parseManifest(raw(value), "x");
        if (!parsed.ok) assert.equal(parsed.error.reason, "InvalidManifest");
        else
          for (const { size } of parsed.value.kind === "index" ? parsed.value.manifests : parsed.value.layers)
            assert.ok(Number.isSafeInteger(size) && size >= 0);
      }),
      { numRuns: 300 },
    );
  });

  test("a manifest of absurd length is refused", () => {
    const config = { mediaType: "c", digest: `sha256:${"a".repeat(64)}`, size: 1 };
    const parsed = parseManifest(raw({ schemaVersion: 2, config, layers: Array.from({ length: 600 }, () => config) }), "x");
    assert.ok(!parsed.ok && /more than 512/.test(parsed.error.message));
  });
});

describe("digests", () => {
  test("both ways of hashing agree with the published test vector", async () => {
    const abc = new TextEncoder().encode("abc");
    const expected = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert.equal(digestOf(abc), expected);
    assert.equal(await digestAside(abc), expected);
  });
});
