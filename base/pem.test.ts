import assert from "node:assert/strict";
import { test } from "node:test";
import { pemCertificates } from "./pem.ts";
import { createAuthority } from "./testing/certificates.ts";

test("certificates are found one by one, and what stands around them is left out", () => {
  const [first, second] = [createAuthority("first"), createAuthority("second")];
  const text = `a comment\n${first.key}${first.cert}\n${second.cert}`;
  assert.deepEqual(pemCertificates(text), [first.cert.trimEnd(), second.cert.trimEnd()]);
  assert.deepEqual(pemCertificates(first.key), []);
});
