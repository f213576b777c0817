import { createPrivateKey, createPublicKey, type KeyObject, scrypt, sign } from "node:crypto";
import { promisify } from "node:util";
import { xsalsa20poly1305 } from "@noble/ciphers/salsa.js";
import { fieldsOf } from "../../base/json.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { fingerprintOf, OTHER_KIND } from "./public-key.ts";

/** A key to sign with. It is in memory alone, and never shown. */
export interface PrivateKey {
  /** The public key's fingerprint, as bundles name it: base64 of the sha256 of its DER. */
  readonly hint: string;
  /** Its first characters, for people. */
  readonly id: string;
  sign(bytes: Buffer): Buffer;
}

/** Memory that a key's scrypt parameters may ask for. Cosign's ask for 64 MiB. */
const MAX_SCRYPT_BYTES = 256 << 20;
const SEALED = /-----BEGIN ENCRYPTED (?:SIGSTORE|COSIGN) PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END/;

/**
 * Reads a private key: one that cosign generate-key-pair made, or a PEM of PKCS #8, PKCS #1 or SEC 1. Fails with `PrivateKeyInvalid`; no message holds a part of the
 * key or of the password.
 */
export async function readPrivateKey(pem: string, password: string): Promise<Result<PrivateKey>> {
  const sealed = SEALED.exec(pem)?.[1];
  if (sealed !== undefined) {
    const opened = await open(Buffer.from(sealed, "base64"), password);
    return opened.ok ? keyOf(() => createPrivateKey({ key: opened.value, format: "der", type: "pkcs8" })) : opened;
  }
  if (!pem.includes("PRIVATE KEY-----")) return invalid("is not PEM; give the file that cosign generate-key-pair names cosign.key");
  return keyOf(() => createPrivateKey({ key: pem, format: "pem", passphrase: password }));
}

/** Opens what cosign seals: scrypt makes a key from the password, and NaCl's secretbox holds PKCS #8. https://github.com/secure-systems-lab/go-securesystemslib/blob/main/encrypted/encrypted.go */
async function open(json: Buffer, password: string): Promise<Result<Buffer>> {
  let document: unknown;
  try {
    document = JSON.parse(json.toString("utf8"));
  } catch {
    return invalid("cannot be read: what is sealed in it is not JSON");
  }
  const { kdf, cipher, ciphertext } = fieldsOf(document);
  const { name, params, salt } = fieldsOf(kdf);
  const { N, r, p } = fieldsOf(params);
  const [nonce, box] = [bytesOf(fieldsOf(cipher).nonce), bytesOf(ciphertext)];
  if (name !== "scrypt" || fieldsOf(cipher).name !== "nacl/secretbox" || nonce.byteLength !== 24)
    return invalid("is sealed in a way that is not known");
  if (typeof N !== "number" || typeof r !== "number" || typeof p !== "number" || p > 16 || 128 * N * r > MAX_SCRYPT_BYTES)
    return invalid("asks for more memory than 256 MiB to be opened");
  try {
    const derive = promisify<string, Buffer, number, object, Buffer>(scrypt);
    const key = await derive(password, bytesOf(salt), 32, { N, r, p, maxmem: 2 * MAX_SCRYPT_BYTES });
    return ok(Buffer.from(xsalsa20poly1305(key, nonce).decrypt(box)));
  } catch {
    return invalid("does not open with this password; set COSIGN_PASSWORD");
  }
}

function keyOf(read: () => KeyObject): Result<PrivateKey> {
  let key: KeyObject;
  try {
    key = read();
  } catch {
    return invalid("cannot be read; where it has a password, set COSIGN_PASSWORD");
  }
  const { asymmetricKeyType: type = "", asymmetricKeyDetails: details } = key;
  const isTaken = type === "ed25519" || type === "rsa" || (type === "ec" && CURVES.has(details?.namedCurve ?? ""));
  if (!isTaken) return invalid(OTHER_KIND);
  // Cosign signs with Ed25519ph and verifies Ed25519 alone: what is signed here, it takes.
  const hash = type === "ed25519" ? null : "sha256";
  return ok({ ...fingerprintOf(createPublicKey(key)), sign: (bytes) => sign(hash, bytes, key) });
}

/** Whatever the curve, cosign verifies by SHA-256 where a file holds the key. */
const CURVES: ReadonlySet<string> = new Set(["prime256v1", "secp384r1", "secp521r1"]);

function bytesOf(text: unknown): Buffer {
  return Buffer.from(typeof text === "string" ? text : "", "base64");
}

function invalid(why: string) {
  return fail("PrivateKeyInvalid", `the private key ${why}`);
}
