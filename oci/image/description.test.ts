import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { describeImage } from "./description.ts";

describe("what an image says of itself", () => {
  test("annotations of OCI, of Artifact Hub, of Kubewarden and of weir push are read", () => {
    const oci = describeImage({
      "org.opencontainers.image.title": "Add a header",
      "org.opencontainers.image.licenses": "Apache-2.0",
      "dev.weir.module.keywords": "headers, tracing",
      "dev.weir.module.abi": "0.2.1",
      "io.artifacthub.package.category": "networking",
      "io.artifacthub.package.deprecated": "TRUE",
      "io.artifacthub.package.readme-url": "https://example.org/README.md",
    });
    assert.deepEqual([oci.title, oci.licence, oci.abi, oci.isDeprecated], ["Add a header", "Apache-2.0", "0.2.1", true]);
    assert.deepEqual(oci.keywords, ["headers", "tracing", "networking"]);
    assert.deepEqual(oci.links, [{ name: "README", url: "https://example.org/README.md" }]);
    const policy = describeImage({
      "io.kubewarden.policy.title": "t",
      "io.kubewarden.policy.author": "a",
      "io.kubewarden.policy.license": "MIT",
    });
    assert.deepEqual([policy.title, policy.vendor, policy.licence], ["t", "a", "MIT"]);
  });

  test("only addresses that a person may follow are links", () => {
    const urls = ["javascript:alert(1)", "data:text/html,x", "https://name:password@example.org/", "/relative", "ftp://example.org", ""];
    for (const url of urls) assert.deepEqual(describeImage({ "org.opencontainers.image.source": url }).links, [], url);
  });

  test("nothing is longer or more than people read", () => {
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`name-${index}`, "x".repeat(10_000)]));
    const keywords = Array.from({ length: 500 }, (_, index) => `${index}`.repeat(100)).join(",");
    const {
      annotations,
      keywords: shown,
      text,
    } = describeImage({
      ...many,
      "org.opencontainers.image.description": "x".repeat(10_000),
      "dev.weir.module.keywords": keywords,
    });
    assert.equal(annotations.length, 64);
    assert.ok(annotations.every(([name, value]) => name.length <= 200 && value.length <= 2_000));
    assert.equal(text?.length, 2_000);
    assert.ok(shown.length <= 20 && shown.every((keyword) => keyword.length <= 60));
  });
});
