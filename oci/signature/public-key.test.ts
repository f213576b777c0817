import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { describe, test } from "node:test";
import { ed25519ph } from "@noble/curves/ed25519.js";
import { dsse } from "@sigstore/core";
import { valued } from "../testing/result.ts";
import type { FoundSignature } from "./found.ts";
import { readPublicKey } from "./public-key.ts";

const TYPE = "application/vnd.in-toto+json";
const payload = Buffer.alloc(8 << 20, "a");
const signed = dsse.preAuthEncoding(TYPE, payload);
const ed = generateKeyPairSync("ed25519");
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const prehashed = Buffer.from(ed25519ph.sign(signed, Buffer.from(ed.privateKey.export({ format: "jwk" }).d ?? "", "base64url")));

function envelope(...signatures: readonly Buffer[]): FoundSignature {
  const content = { kind: "envelope" as const, payloadType: TYPE, payload, signatures };
  return { place: "here", content, bundle: undefined, hasCertificate: false, keyHint: undefined };
}

async function check(key: KeyObject, ...signatures: readonly Buffer[]): Promise<string> {
  const read = valued(readPublicKey(String(key.export({ type: "spki", format: "pem" }))));
  const checked = await read.check(envelope(...signatures));
  return checked.ok ? "holds" : checked.error.reason;
}

function changed(signature: Buffer): Buffer {
  const other = Buffer.from(signature);
  other[1] = (other[1] ?? 0) ^ 1;
  return other;
}

describe("a large statement", () => {
  test("is judged by each kind of signature that cosign makes", async () => {
    const plain = sign(null, signed, ed.privateKey);
    assert.equal(await check(ed.publicKey, plain), "holds");
    assert.equal(await check(ed.publicKey, prehashed), "holds");
    assert.equal(await check(ed.publicKey, changed(plain), changed(prehashed), prehashed), "holds");
    assert.equal(await check(ed.publicKey, changed(plain), changed(prehashed)), "KeyMismatch");
    for (const hash of ["sha256", "sha384", "sha512"])
      assert.equal(await check(rsa.publicKey, sign(hash, signed, rsa.privateKey)), "holds");
    assert.equal(await check(rsa.publicKey, changed(sign("sha256", signed, rsa.privateKey))), "KeyMismatch");
  });

  test("holds up nothing else, however many signatures it has", async () => {
    for (const [key, signature] of [
      [ed.publicKey, changed(prehashed)],
      [rsa.publicKey, Buffer.alloc(256, 1)],
    ] as const) {
      let turns = 0;
      let isDone = false;
      const turn = () => {
        turns++;
        if (!isDone) setImmediate(turn);
      };
      setImmediate(turn);
      await check(key, ...Array.from({ length: 16 }, () => signature));
      isDone = true;
      assert.ok(turns >= 16, `others had ${turns} turns`);
    }
  });
});
