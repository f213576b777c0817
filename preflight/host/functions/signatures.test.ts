import assert from "node:assert/strict";
import { generateKeyPairSync, sign } from "node:crypto";
import { describe, test } from "node:test";
import { startCpuTime } from "../../../base/cpu-time.ts";
import { privateKey, publicKey } from "../../testing/rsa.ts";
import { bytesOf, readFields, textOf, writeFields } from "../values/protobuf.ts";
import { signText, verifySignature } from "./signatures.ts";

const [OK, BAD_ARGUMENT] = [0, 2];
const TEXT = Buffer.from("text");

/** The status, and the error or what there is instead. */
function verifying(key: Uint8Array, hash = "sha256", signature: Uint8Array = Buffer.alloc(256, 1)): string {
  const fields: [number, Uint8Array][] = [
    [1, Buffer.from(hash)],
    [2, key],
    [3, signature],
    [4, TEXT],
  ];
  const { status, result } = verifySignature(writeFields(fields));
  const read = readFields(result ?? new Uint8Array());
  return `${status} ${read?.has(1) ? "valid" : textOf(read ?? new Map(), 2)}`;
}

function signing(key: Uint8Array, hash = "sha256"): string {
  const { status, result } = signText(
    writeFields([
      [1, Buffer.from(hash)],
      [2, key],
      [3, TEXT],
    ]),
  );
  const read = readFields(result ?? new Uint8Array()) ?? new Map();
  return `${status} ${read.has(1) ? `${bytesOf(read, 2).length} bytes` : textOf(read, 3)}`;
}

describe("signatures, as Envoy 1.40 answers", () => {
  const pair = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const spki = pair.publicKey.export({ type: "spki", format: "der" });
  const pkcs8 = pair.privateKey.export({ type: "pkcs8", format: "der" });

  test("a good one and a bad one", () => {
    assert.equal(verifying(spki, "SHA256", sign("sha256", TEXT, pair.privateKey)), `${OK} valid`);
    assert.equal(verifying(spki), `${OK} Failed to verify digest. Error code: 0`);
    assert.equal(signing(pkcs8), `${OK} 256 bytes`);
  });

  test("hashes, keys and kinds of keys that Envoy does not know", () => {
    assert.equal(verifying(spki, "md5"), `${OK} md5 is not supported.`);
    assert.equal(signing(pkcs8, "md5"), `${OK} md5 is not supported.`);
    assert.equal(verifying(new Uint8Array()), `${BAD_ARGUMENT} `);
    assert.equal(verifying(Buffer.from("junk")), `${OK} Failed to initialize digest verify.`);
    assert.equal(signing(Buffer.from("junk")), `${OK} Invalid key type: private key required for signing operation.`);
    const dsa = generateKeyPairSync("dsa", { modulusLength: 1024, divisorLength: 160 });
    assert.equal(verifying(dsa.publicKey.export({ type: "spki", format: "der" })), `${OK} Failed to initialize digest verify.`);
  });

  test("numbers that are no key, and keys whose computation takes minutes", (t) => {
    const taken = startCpuTime();
    assert.equal(verifying(publicKey(16_384)), `${OK} Failed to verify digest. Error code: 0`);
    assert.equal(verifying(publicKey(16_392)), `${OK} Failed to initialize digest verify.`);
    assert.equal(verifying(publicKey(262_144)), `${OK} Failed to initialize digest verify.`);
    for (const bits of [2048, 16_384, 65_536])
      assert.equal(signing(privateKey(bits)), `${OK} Invalid key type: private key required for signing operation.`);
    const took = taken();
    t.diagnostic(`${took.toFixed(0)} ms for all of them`);
    assert.ok(took < 2000);
  });
});
