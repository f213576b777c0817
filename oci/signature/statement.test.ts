import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Digest } from "../../model/digest.ts";
import { checkClaim, claimOf, ENVELOPE_TYPE, isOfKind, STATEMENT_TYPE } from "./statement.ts";

const DIGEST: Digest = `sha256:${"a".repeat(64)}`;

function claim(predicateType: string, sha256: unknown = "a".repeat(64)) {
  const statement = { _type: STATEMENT_TYPE, predicateType, subject: [{ name: "f", digest: { sha256 } }], predicate: {} };
  const payload = Buffer.from(JSON.stringify(statement));
  return claimOf({ content: { kind: "envelope", payloadType: ENVELOPE_TYPE, payload, signatures: [] } }) ?? assert.fail();
}

describe("a statement", () => {
  test("is of a type that leaves out the version at its end, and of no other type that begins like it", () => {
    const isTaken = (demanded: string, type: string) => isOfKind(claim(type), { predicateType: demanded });
    assert.ok(isTaken("https://spdx.dev/Document", "https://spdx.dev/Document"));
    assert.ok(isTaken("https://spdx.dev/Document", "https://spdx.dev/Document/v2.3"));
    assert.ok(isTaken("https://slsa.dev/provenance", "https://slsa.dev/provenance/v1"));
    assert.ok(!isTaken("https://slsa.dev/provenance/v1", "https://slsa.dev/provenance/v0.2"));
    assert.ok(!isTaken("https://spdx.dev/Document", "https://spdx.dev/Documents"));
    assert.ok(!isTaken("https://cosign.sigstore.dev/attestation", "https://cosign.sigstore.dev/attestation/vuln/v1"));
    assert.ok(!isTaken("https://a.example/type", "https://a.example/type/vexed"));
  });

  test("is about no image where its digests are no texts", () => {
    assert.ok(checkClaim(claim("t"), DIGEST, undefined).ok);
    let deep: unknown = "a".repeat(64);
    for (let level = 0; level < 3_000; level++) deep = [deep];
    for (const sha256 of [["a".repeat(64)], deep, null]) {
      const checked = checkClaim(claim("t", sha256), DIGEST, undefined);
      assert.equal(checked.ok ? undefined : checked.error.reason, "DigestNotSigned");
    }
  });
});
