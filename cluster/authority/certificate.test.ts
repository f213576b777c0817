import assert from "node:assert/strict";
import { createPrivateKey, generateKeyPairSync, X509Certificate } from "node:crypto";
import { test } from "node:test";
import { createAuthority, isAuthority, issueCertificate } from "./certificate.ts";

const NOW = Date.parse("2026-01-02T03:04:05Z");
const DAY = 86_400_000;

test("an authority signs certificates that lead to it, with the names and the end that were asked for", () => {
  const authority = createAuthority("Weir", NOW, 3650 * DAY);
  const ca = new X509Certificate(authority.cert);
  assert.equal(ca.ca, true);
  assert(ca.verify(ca.publicKey));
  const uri = "spiffe://weir/ns/shop/node/web-1";
  const issued = issueCertificate(authority, { purpose: "client", name: "web-1", uris: [uri], now: NOW, validMs: DAY });
  const leaf = new X509Certificate(issued.cert);
  assert(leaf.verify(ca.publicKey) && leaf.checkIssued(ca));
  assert(leaf.checkPrivateKey(createPrivateKey(issued.key)));
  assert.equal(leaf.ca, false);
  assert.equal(leaf.subjectAltName, `URI:${uri}`);
  assert.deepEqual(leaf.keyUsage, ["1.3.6.1.5.5.7.3.2"]);
  assert.equal(leaf.validToDate.getTime(), NOW + DAY);
  assert.equal(leaf.validFromDate.getTime(), NOW - 5 * 60_000);
});

test("a server's certificate has its names and addresses, and ends with its authority", () => {
  const authority = createAuthority("Weir", NOW, 2 * DAY);
  const { cert } = issueCertificate(authority, {
    purpose: "server",
    name: "weir",
    dnsNames: ["weir.example"],
    ipAddresses: ["127.0.0.1", "::1"],
    now: NOW,
    validMs: 90 * DAY,
  });
  const leaf = new X509Certificate(cert);
  assert.equal(leaf.checkHost("weir.example"), "weir.example");
  assert.equal(leaf.checkIP("127.0.0.1"), "127.0.0.1");
  assert.equal(leaf.checkIP("::1"), "::1");
  assert.deepEqual(leaf.keyUsage, ["1.3.6.1.5.5.7.3.1"]);
  assert.equal(leaf.validToDate.getTime(), NOW + 2 * DAY);
});

test("an authority is a certificate that may sign and its own key, on an elliptic curve", () => {
  const [one, other] = [createAuthority("one", NOW, DAY), createAuthority("other", NOW, DAY)];
  const leaf = issueCertificate(one, { purpose: "server", name: "weir", now: NOW, validMs: DAY });
  assert.ok(isAuthority(one));
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const rsa = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  for (const wrong of [leaf, { ...one, key: other.key }, { ...one, key: rsa }, { ...one, cert: "none" }, { ...one, key: "" }])
    assert.ok(!isAuthority(wrong));
});
