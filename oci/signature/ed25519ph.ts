import { createHash, type KeyObject } from "node:crypto";
import { eddsa } from "@noble/curves/abstract/edwards.js";
import { ed25519 } from "@noble/curves/ed25519.js";
import { hashAside } from "../../model/digest.ts";

/** What is hashed here is short: what was signed comes as its hash. */
const short = (message: Uint8Array) => new Uint8Array(createHash("sha512").update(message).digest());

/** Ed25519ph of https://www.rfc-editor.org/rfc/rfc8032#section-5.1, whose messages are hashed already: another's code would take seconds for tens of megabytes. */
const prehashed = eddsa(ed25519.Point, short, {
  prehash: (hashed: Uint8Array) => new Uint8Array(hashed),
  domain: (data: Uint8Array, context: Uint8Array, isPrehashed: boolean) =>
    new Uint8Array(
      Buffer.concat([Buffer.from("SigEd25519 no Ed25519 collisions"), Uint8Array.of(isPrehashed ? 1 : 0, context.length), context, data]),
    ),
});

/** Cosign 3 signs with Ed25519ph, which Node does not have. `hashed`: what was signed, by `prehash`. */
export function isSignedPrehashed(key: KeyObject, hashed: Uint8Array, signature: Buffer): boolean {
  try {
    const { x = "" } = key.export({ format: "jwk" });
    return prehashed.verify(new Uint8Array(signature), hashed, new Uint8Array(Buffer.from(x, "base64url")), { zip215: false });
  } catch {
    return false;
  }
}

/** What was signed, hashed where it holds up nothing else. */
export async function prehash(signed: Buffer): Promise<Uint8Array> {
  return new Uint8Array(await hashAside("sha512", signed));
}
