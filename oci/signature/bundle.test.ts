import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readBundle, readEnvelope, readSimpleSigning } from "./bundle.ts";
import { readTrustRoot } from "./trust-root.ts";

/** Takes so many bytes of memory where it is read for base64. */
const ALLOCATION = { length: 50_000_000 };
const BODY = Buffer.from(JSON.stringify({ kind: "hashedrekord", apiVersion: "0.0.1" })).toString("base64");
const nested = "[".repeat(100_000) + "]".repeat(100_000);

interface Changes {
  readonly payload?: unknown;
  readonly body?: unknown;
  readonly checkpoint?: string;
  readonly timestamp?: Buffer;
}

function bundle(changes: Changes = {}): Buffer {
  const entry = { logIndex: "1", logId: { keyId: "AA==" }, kindVersion: { kind: "dsse", version: "0.0.2" }, integratedTime: "1" };
  const json = {
    mediaType: "application/vnd.dev.sigstore.bundle+json;version=0.2",
    verificationMaterial: {
      x509CertificateChain: { certificates: [{ rawBytes: "AA==" }] },
      tlogEntries: [
        {
          ...entry,
          inclusionPromise: { signedEntryTimestamp: "AA==" },
          inclusionProof: {
            logIndex: "1",
            rootHash: "AA==",
            treeSize: "1",
            hashes: [],
            checkpoint: { envelope: changes.checkpoint ?? "x" },
          },
          canonicalizedBody: changes.body ?? BODY,
        },
      ],
      timestampVerificationData: { rfc3161Timestamps: [{ signedTimestamp: (changes.timestamp ?? Buffer.alloc(9)).toString("base64") }] },
    },
    dsseEnvelope: {
      payloadType: "application/vnd.in-toto+json",
      payload: changes.payload ?? "AAAA",
      signatures: [{ sig: "AA==", keyid: "" }],
    },
  };
  return Buffer.from(JSON.stringify(json));
}

function annotations(kept: string): Record<string, string> {
  return {
    "dev.cosignproject.cosign/signature": "AA==",
    "dev.sigstore.cosign/certificate": "-----BEGIN CERTIFICATE-----AAAA-----END CERTIFICATE-----",
    "dev.sigstore.cosign/bundle": kept,
  };
}

function entry(timestamp: string): string {
  return `{"Payload":{"body":"${BODY}","logID":"00","logIndex":1,"integratedTime":1},"SignedEntryTimestamp":${timestamp}}`;
}

/** Bytes that the process has more after this. */
function taken(run: () => unknown): number {
  const before = process.memoryUsage().arrayBuffers;
  run();
  return process.memoryUsage().arrayBuffers - before;
}

describe("what strangers wrote as a signature", () => {
  test("takes no memory beyond its own bytes", () => {
    assert.ok(readBundle(bundle(), "here"));
    const body = Buffer.from(JSON.stringify({ kind: "dsse", apiVersion: "0.0.2", spec: { content: ALLOCATION } })).toString("base64");
    const texts = [JSON.stringify(ALLOCATION), '{"\\u006cength":50000000}'];
    for (const [what, run] of [
      ["a bundle", () => readBundle(bundle({ payload: ALLOCATION }), "here")],
      ["a log entry", () => readBundle(bundle({ body }), "here")],
    ] as const)
      assert.ok(run() === undefined, what);
    for (const text of texts) {
      assert.ok(taken(() => readSimpleSigning(Buffer.from("{}"), annotations(entry(text)), "here")) < 10_000_000);
      const root = `{"certificateAuthorities":[{"certChain":{"certificates":[{"rawBytes":${text}}]}}]}`;
      assert.ok(taken(() => readTrustRoot(root)) < 10_000_000);
      assert.ok(!readTrustRoot(root).ok);
    }
  });

  test("is unreadable where a checkpoint or a timestamp of it would take long", () => {
    const checkpoint = `note\n\n${"\u2014 log.example AAAAAAAA\n".repeat(1_000)}`;
    assert.ok(readBundle(bundle({ checkpoint: checkpoint.slice(0, 8_192) }), "here"));
    assert.equal(readBundle(bundle({ checkpoint }), "here"), undefined);
    assert.ok(readBundle(bundle({ timestamp: Buffer.alloc(65_536) }), "here"));
    assert.equal(readBundle(bundle({ timestamp: Buffer.alloc(65_537) }), "here"), undefined);
  });

  test("is unreadable where it is nested deeper than any is, and nothing else fails", () => {
    assert.equal(readSimpleSigning(Buffer.from("{}"), annotations(entry(nested)), "here")?.hasCertificate, true);
    assert.equal(readBundle(Buffer.from(nested), "here"), undefined);
    assert.equal(readEnvelope(Buffer.from(nested), {}, "here"), undefined);
  });
});
