import { createHmac, createSecretKey, hkdfSync } from "node:crypto";

/** What a key is used for. Each purpose has a key of its own, so that what one of them shows says nothing about another. */
export type KeyPurpose = "revision identity" | "wave position" | "drain path" | "review path" | "token of a proxy";

/** A hash that only who holds the key can make: HMAC-SHA256. https://www.rfc-editor.org/rfc/rfc2104 */
export interface KeyedHash {
  /** Tells this key from others, e.g. after a loss: 8 hex digits. Says nothing about the key. */
  readonly id: string;
  /** 32 bytes. */
  digest(text: string): Buffer;
}

/** Hands out keyed hashes. The private key behind them is in memory only, and in nothing that is handed out. */
export interface Keyring {
  keyedHash(purpose: KeyPurpose): KeyedHash;
}

/** Bytes of a private key. */
export const PRIVATE_KEY_BYTES = 32;

/** Derives a key for each purpose: HKDF-SHA256 without salt, the purpose as info. https://www.rfc-editor.org/rfc/rfc5869 */
export function createKeyring(privateKey: Uint8Array): Keyring {
  if (privateKey.length !== PRIVATE_KEY_BYTES) throw new Error(`a private key has ${PRIVATE_KEY_BYTES} bytes, not ${privateKey.length}`);
  return {
    keyedHash(purpose) {
      const key = createSecretKey(Buffer.from(hkdfSync("sha256", privateKey, "", `weir ${purpose}`, 32)));
      const digest = (text: string) => createHmac("sha256", key).update(text).digest();
      return { id: digest("id").toString("hex", 0, 4), digest };
    },
  };
}
