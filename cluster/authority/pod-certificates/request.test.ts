import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject, X509Certificate } from "node:crypto";
import { describe, test } from "node:test";
import type { Fields } from "../../../model/kube.ts";
import { createAuthority } from "../certificate.ts";
import { deny, issue } from "./answer.ts";
import { denialOf, type PodCertificateRequest, readRequest } from "./request.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const NOW = Date.parse("2026-01-02T03:04:05.678Z");
const UID = "0b0c5e0e-6f0e-4c9b-9a57-0a2a35f3a0d1";

const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const der = (key: KeyObject) => key.export({ type: "spki", format: "der" }).toString("base64");

function request(spec: Fields = {}, status: Fields = {}): PodCertificateRequest | undefined {
  return readRequest({
    metadata: { name: "r1", namespace: "shop", uid: "u", resourceVersion: "1", creationTimestamp: "2026-01-02T03:04:05Z" },
    spec: {
      ...{ signerName: "weir.dev/proxy", podName: "web-1", podUID: UID, serviceAccountName: "web", nodeName: "n1" },
      ...{ maxExpirationSeconds: 86_400, pkixPublicKey: der(publicKey), ...spec },
    },
    status,
  });
}

function must(found: PodCertificateRequest | undefined): PodCertificateRequest {
  assert.ok(found);
  return found;
}

const pod = { metadata: { uid: UID }, spec: { serviceAccountName: "web", nodeName: "n1" } };

describe("a request", () => {
  test("that was answered is none", () => {
    assert.equal(request({}, { conditions: [{ type: "Issued", status: "True" }] }), undefined);
    assert.equal(must(request()).podName, "web-1");
  });

  test("about the very pod that runs there is granted", () => {
    assert.equal(denialOf(must(request()), pod), undefined);
    assert.equal(denialOf(must(request({ serviceAccountName: "default" })), { ...pod, spec: { nodeName: "n1" } }), undefined);
  });

  test("about another pod, account or node, for a key that Envoy does not take, or with wishes nobody knows, is denied with the reason", () => {
    const { publicKey: ed25519 } = generateKeyPairSync("ed25519");
    const cases: [Fields, Fields | undefined, string, RegExp][] = [
      [{}, undefined, "PodMismatch", /no pod web-1 with the uid 0b0c/],
      [{ podUID: "other" }, pod, "PodMismatch", /no pod web-1 with the uid other/],
      [{ serviceAccountName: "admin" }, pod, "PodMismatch", /does not run as the service account admin/],
      [{ nodeName: "n2" }, pod, "PodMismatch", /does not run on the node n2/],
      [{ pkixPublicKey: der(ed25519) }, pod, "UnsupportedKeyType", /set keyType: ECDSAP256/],
      [{ pkixPublicKey: "", stubPKCS10Request: "AAAA" }, pod, "UnsupportedKeyType", /ECDSA and RSA/],
      [{ unverifiedUserAnnotations: { "a.example/x": "y" } }, pod, "InvalidUnverifiedUserAnnotations", /leave them out/],
    ];
    for (const [spec, found, reason, message] of cases) {
      const denial = denialOf(must(request(spec)), found);
      assert.equal(denial?.reason, reason);
      assert.match(denial?.message ?? "", message);
    }
  });
});

describe("an answer", () => {
  const authority = createAuthority("Weir", NOW - HOUR, 1000 * HOUR);
  const issued = (spec: Fields = {}) => {
    const found = must(request(spec));
    const answer = issue({ authority, trustDomain: "weir", request: found, publicKey, now: NOW });
    return { answer, certificate: new X509Certificate(String(answer.certificateChain)) };
  };

  test("is a certificate for a client of a day, with the pod's id, and the same times in the status", () => {
    const { answer, certificate } = issued();
    assert.equal(certificate.subjectAltName, `URI:spiffe://weir/ns/shop/sa/web/pod/web-1/${UID}`);
    assert.deepEqual(certificate.keyUsage, ["1.3.6.1.5.5.7.3.2"]);
    assert.ok(certificate.verify(new X509Certificate(authority.cert).publicKey));
    assert.equal(answer.notBefore, "2026-01-02T03:00:05Z");
    assert.equal(answer.notAfter, "2026-01-03T03:00:05Z");
    assert.equal(answer.beginRefreshAt, "2026-01-02T19:00:05Z");
    assert.equal(certificate.validFromDate.getTime(), Date.parse(String(answer.notBefore)));
    assert.equal(certificate.validToDate.getTime(), Date.parse(String(answer.notAfter)));
  });

  test("is as short as the pod asks for, and renewed ten minutes inside of both ends at least", () => {
    const { answer } = issued({ maxExpirationSeconds: 3_600 });
    assert.equal(answer.notAfter, "2026-01-02T04:00:05Z");
    assert.equal(answer.beginRefreshAt, "2026-01-02T03:40:05Z");
  });

  test("that denies has a condition and nothing else", () => {
    assert.deepEqual(deny({ reason: "PodMismatch", message: "why" }, NOW), {
      conditions: [{ type: "Denied", status: "True", reason: "PodMismatch", message: "why", lastTransitionTime: "2026-01-02T03:04:05Z" }],
    });
  });
});
