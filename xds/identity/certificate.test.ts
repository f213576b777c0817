import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { PeerCertificate } from "../grpc/peer.ts";
import { certificateIdentity, nodeUri } from "./certificate.ts";

const NOW = 1_000;

function read(altNames: string, changed: Partial<PeerCertificate> = {}, trustDomain?: string) {
  const read = certificateIdentity({ altNames, until: NOW + 1, fault: undefined, ...changed }, { trustDomain }, NOW);
  return read.ok ? [read.value.namespace, read.value.nodeId] : read.error.message;
}

describe("whom a certificate names", () => {
  test("the namespace of its SPIFFE id, and the node where it ends with one", () => {
    assert.deepEqual(read("URI:spiffe://cluster.local/ns/shop/sa/web"), ["shop", undefined]);
    assert.deepEqual(read("DNS:web-1, URI:spiffe://weir/ns/shop/node/web-1, IP Address:127.0.0.1"), ["shop", "web-1"]);
    assert.deepEqual(read("URI:spiffe://weir/ns/shop"), ["shop", undefined]);
    assert.deepEqual(read("URI:spiffe://weir/ns/shop/node/web-1/more"), ["shop", undefined]);
    assert.deepEqual(read(`URI:${nodeUri("shop", "web_1.a")}`), ["shop", "web_1.a"]);
    assert.equal(nodeUri("shop", "a/b"), undefined);
    assert.equal(nodeUri("shop", "a~b"), undefined);
  });

  test("the pod, by name and uid, where Weir signed for one", () => {
    const uid = "0b0c5e0e-6f0e-4c9b-9a57-0a2a35f3a0d1";
    const identify = (path: string) => {
      const found = certificateIdentity(
        { altNames: `URI:spiffe://weir/ns/shop${path}`, until: NOW + 1, fault: undefined },
        { trustDomain: undefined },
        NOW,
      );
      return found.ok ? [found.value.namespace, found.value.nodeId, found.value.podUid] : found.error.message;
    };
    assert.deepEqual(identify(`/sa/web/pod/web-1/${uid}`), ["shop", "web-1", uid]);
    for (const path of [`/sa/web/pod/web-1/${uid}/more`, `/sa/web/pod/web-1`, `/sa/web/pod/web-1/no-uid`, `/pod/web-1/${uid}`])
      assert.deepEqual(identify(path), ["shop", undefined, undefined], path);
  });

  test("nobody where there is no such id, more than one, or another trust domain than is taken", () => {
    for (const altNames of [
      "",
      "DNS:spiffe://weir/ns/shop",
      "URI:https://weir/ns/shop",
      "URI:spiffe://weir/ns/shop, URI:spiffe://weir/ns/other",
      "URI:spiffe://weir/ns/shop, URI:SPIFFE://weir/ns/other",
      'URI:"spiffe://weir/ns/shop, x", URI:spiffe://weir/ns/other',
    ]) {
      assert.match(String(read(altNames)), /must have one SPIFFE id/, altNames);
    }
    for (const id of [
      "spiffe://weir/sa/web",
      "spiffe://weir/ns/SHOP/x",
      "spiffe://weir/ns/shop/../other",
      "spiffe://weir/ns/shop/node/..",
      "spiffe://weir/ns/shop/./node/web-1",
      "spiffe://weir/ns/shop/",
      "spiffe://weir/ns/shop/node/web-1/",
      "SPIFFE://weir/ns/shop",
      "spiffe:///ns/shop",
      "spiffe://weir/ns/a%2fb",
    ])
      assert.match(String(read(`URI:${id}`)), /names no namespace/, id);
    assert.match(String(read("URI:spiffe://evil/ns/shop", {}, "weir")), /is of trust domain evil, and this server takes weir/);
    assert.deepEqual(read("URI:spiffe://weir/ns/shop", {}, "weir"), ["shop", undefined]);
  });

  test("a name that holds another is no second name: Node quotes it", () => {
    assert.match(String(read('DNS:"x, URI:spiffe://weir/ns/shop"')), /must have one/);
    assert.deepEqual(read('DNS:"x\\", URI:spiffe://weir/ns/other", URI:spiffe://weir/ns/shop'), ["shop", undefined]);
    assert.match(String(read('DNS:"x, URI:spiffe://weir/ns/shop')), /must have one/);
  });

  test("nobody where it has ended, or its authority is not trusted", () => {
    for (const fault of [undefined, "CERT_HAS_EXPIRED"])
      assert.match(String(read("URI:spiffe://weir/ns/shop", { until: NOW, fault })), /ended at 1970/);
    assert.match(
      String(read("URI:spiffe://weir/ns/shop", { fault: "CERT_NOT_YET_VALID" })),
      /not valid yet by this server's clock, 1970.*; compare/,
    );
    assert.match(
      String(read("URI:spiffe://weir/ns/shop", { fault: "CERT_HAS_EXPIRED" })),
      /does not lead to an authority .*: CERT_HAS_EXPIRED/,
    );
  });
});
