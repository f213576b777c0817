import assert from "node:assert/strict";
import { test } from "node:test";
import { sbomType } from "./sbom.ts";

test("a bill of materials is known by what it says of itself, not by its name", () => {
  const type = (text: string) => {
    const found = sbomType(new TextEncoder().encode(text), "f");
    return found.ok ? found.value : found.error.message;
  };
  assert.equal(type('{"spdxVersion":"SPDX-2.3"}'), "application/spdx+json");
  assert.equal(type('{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld"}'), "application/spdx+json");
  assert.equal(type('{"bomFormat":"CycloneDX"}'), "application/vnd.cyclonedx+json");
  assert.equal(type('<?xml version="1.0"?>\n<bom xmlns="http://cyclonedx.org/schema/bom/1.6">'), "application/vnd.cyclonedx+xml");
  assert.equal(type("# c\nSPDXVersion: SPDX-2.3\n"), "text/spdx");
  for (const other of ["", "{", "{}", "[]", "<svg/>", "MZ", '{"bomFormat":"other"}'])
    assert.match(type(other), /^f is neither SPDX .* nor CycloneDX/, other);
});
