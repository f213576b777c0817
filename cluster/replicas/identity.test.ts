import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import { fixedAuthority } from "../authority/authority.ts";
import { createAuthority, issueCertificate } from "../authority/certificate.ts";
import { issueReplicaCertificate, replicaUri, whyNoReplica } from "./identity.ts";

const NOW = Date.parse("2026-01-01T00:00:00Z");
const authority = createAuthority("Weir", NOW, 1e9);
const uri = replicaUri("weir-system", "weir");

function proofOf(cert: string) {
  const { subjectAltName: altNames = "", validToDate } = new X509Certificate(cert);
  return { altNames, until: validToDate.getTime(), fault: undefined };
}

test("a replica is known by its certificate", () => {
  for (const purpose of ["client", "server"] as const) {
    const { cert } = issueReplicaCertificate(fixedAuthority(authority), uri, purpose, NOW);
    assert.equal(whyNoReplica(proofOf(cert), uri, NOW), undefined);
    assert.match(whyNoReplica(proofOf(cert), replicaUri("weir-system", "other"), NOW) ?? "", /not one of a replica/);
    assert.match(whyNoReplica(proofOf(cert), uri, NOW + 8 * 86_400_000) ?? "", /has ended/);
  }
});

test("nobody else is one, whoever signed for them", () => {
  const others = ["spiffe://weir/ns/weir-system/node/weir", "spiffe://weir/ns/weir-system/sa/weir/pod/weir-0/x", `${uri}/more`];
  for (const other of others) {
    const { cert } = issueCertificate(authority, { purpose: "client", name: "x", uris: [other], now: NOW, validMs: 1_000 });
    assert.match(whyNoReplica(proofOf(cert), uri, NOW) ?? "", /not one of a replica/, other);
  }
  const both = issueCertificate(authority, { purpose: "client", name: "x", uris: [uri, "spiffe://weir/ns/a"], now: NOW, validMs: 1_000 });
  assert.match(whyNoReplica(proofOf(both.cert), uri, NOW) ?? "", /not one of a replica/);
  const named = issueCertificate(authority, { purpose: "client", name: "x", dnsNames: [`x, URI:${uri}`], now: NOW, validMs: 1_000 });
  assert.match(whyNoReplica(proofOf(named.cert), uri, NOW) ?? "", /not one of a replica/);
  assert.match(whyNoReplica({ altNames: `URI:${uri}`, until: NOW + 1, fault: "SELF_SIGNED_CERT" }, uri, NOW) ?? "", /SELF_SIGNED_CERT/);
  assert.match(whyNoReplica(undefined, uri, NOW) ?? "", /no certificate/);
});
