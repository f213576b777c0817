import type { KeyObject } from "node:crypto";
import { nodeCrypto } from "../builtins.ts";

/** Longest key in bytes, DER or PEM: twice what a private RSA key of 8192 bits takes. */
const MAX_KEY = 16 * 1024;
/** BoringSSL's bound (`OPENSSL_RSA_MAX_MODULUS_BITS`), by which Envoy refuses a key. A verification takes a few milliseconds with it. */
const MAX_PUBLIC_BITS = 16_384;
/** Weir's own: a signature takes 0.1 s with it, four times less than with BoringSSL's bound. Keys in use have up to 4096 bits. */
const MAX_PRIVATE_BITS = 8192;

/** The key in DER (SPKI) or in PEM. `undefined`: none that Envoy takes. */
export function readPublicKey(der: Uint8Array, pem: string): KeyObject | undefined {
  return readKey(der, pem, MAX_PUBLIC_BITS, (key) =>
    nodeCrypto().createPublicKey(typeof key === "string" ? key : { key, format: "der", type: "spki" }),
  );
}

/** The same for a private key (PKCS #8). */
export function readPrivateKey(der: Uint8Array, pem: string): KeyObject | undefined {
  const key = readKey(der, pem, MAX_PRIVATE_BITS, (text) =>
    nodeCrypto().createPrivateKey(typeof text === "string" ? text : { key: text, format: "der", type: "pkcs8" }),
  );
  return key?.asymmetricKeyType === "rsa" && !isConsistent(key) ? undefined : key;
}

function readKey(der: Uint8Array, pem: string, maxBits: number, read: (key: string | Buffer) => KeyObject): KeyObject | undefined {
  if (der.length > MAX_KEY || pem.length > MAX_KEY) return undefined;
  try {
    const key = read(der.length > 0 ? Buffer.from(der) : pem);
    if (key.asymmetricKeyType !== "rsa" && key.asymmetricKeyType !== "ec") return undefined;
    return (key.asymmetricKeyDetails?.modulusLength ?? 0) > maxBits ? undefined : key;
  } catch {
    return undefined;
  }
}

/** OpenSSL computes with any numbers; BoringSSL takes only those that are a key. */
function isConsistent(key: KeyObject): boolean {
  const { n, p, q } = key.export({ format: "jwk" });
  return numberOf(p) * numberOf(q) === numberOf(n);
}

function numberOf(text = ""): bigint {
  return BigInt(`0x0${Buffer.from(text, "base64url").toString("hex")}`);
}
