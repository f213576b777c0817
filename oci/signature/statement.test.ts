import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { startCpuTime } from "../../base/cpu-time.ts";
import type { Digest } from "../../model/digest.ts";
import { checkClaim, claimOf, ENVELOPE_TYPE, isOfKind, STATEMENT_TYPE } from "./statement.ts";

const DIGEST: Digest = `sha256:${"a".repeat(64)}`;

const SUBJECT = [{ name: "f", digest: { sha256: "a".repeat(64) } }];

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

  test("holds up nothing, however many values it has: what it says beside is read where it is asked for, in bounds", (t) => {
    const size = 12 << 20;
    let keys = "";
    for (let index = 0; keys.length < size; index++) keys += `"${index.toString(36)}":1,`;
    for (const predicate of [`{${keys}"z":1}`, `[${"{},".repeat(size / 3)}{}]`, `${"[".repeat(size / 2)}${"]".repeat(size / 2)}`]) {
      const [head, tail] = JSON.stringify({ _type: STATEMENT_TYPE, predicateType: "t", subject: SUBJECT, predicate: 0 }).split("0}");
      const payload = Buffer.from(`${head}${predicate}}${tail}`);
      const taken = startCpuTime();
      const found = claimOf({ content: { kind: "envelope", payloadType: ENVELOPE_TYPE, payload, signatures: [] } }) ?? assert.fail();
      assert.ok(checkClaim(found, DIGEST, undefined).ok);
      const checked = checkClaim(found, DIGEST, { predicateType: "t", builder: "b" });
      assert.equal(checked.ok ? undefined : checked.error.reason, "SignatureUnreadable");
      const ms = taken();
      t.diagnostic(`${payload.byteLength} bytes of tiny values: ${ms.toFixed(0)} ms of CPU`);
      assert.ok(ms < 1_000, `${ms} ms`);
    }
  });

  test("is about no image where its digests are no texts", () => {
    assert.ok(checkClaim(claim("t"), DIGEST, undefined).ok);
    let deep: unknown = "a".repeat(64);
    for (let level = 0; level < 50; level++) deep = [deep];
    for (const sha256 of [["a".repeat(64)], deep, null]) {
      const checked = checkClaim(claim("t", sha256), DIGEST, undefined);
      assert.equal(checked.ok ? undefined : checked.error.reason, "DigestNotSigned");
    }
  });
});
