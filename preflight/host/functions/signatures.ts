import { nodeCrypto } from "../builtins.ts";
import { bytesOf, readFields, textOf, writeFields } from "../values/protobuf.ts";
import { Status } from "../values/status.ts";
import type { ForeignFunction } from "./foreign.ts";
import { readPrivateKey, readPublicKey } from "./keys.ts";

/** Those that Envoy knows, in lower case. */
const HASHES: ReadonlySet<string> = new Set(["sha1", "sha224", "sha256", "sha384", "sha512"]);

/** VerifySignatureArguments {hash_function 1, public_key 2 (DER), signature 3, text 4, public_key_pem 5} -> VerifySignatureResult {result 1, error 2}. */
export const verifySignature: ForeignFunction = (argument) => {
  const fields = readFields(argument);
  if (fields === undefined || hasBothOrNone(bytesOf(fields, 2), bytesOf(fields, 5))) return { status: Status.BadArgument };
  const failed = (error: string) => ({ status: Status.Ok, result: writeFields([[2, Buffer.from(error)]]) });
  const hash = textOf(fields, 1);
  if (!HASHES.has(hash.toLowerCase())) return failed(`${hash} is not supported.`);
  const key = readPublicKey(bytesOf(fields, 2), textOf(fields, 5));
  if (key === undefined) return failed("Failed to initialize digest verify.");
  const valid = attempt(() => nodeCrypto().verify(hash, bytesOf(fields, 4), key, bytesOf(fields, 3)));
  return valid ? { status: Status.Ok, result: writeFields([[1, true]]) } : failed("Failed to verify digest. Error code: 0");
};

/** SignArguments {hash_function 1, private_key 2 (DER), text 3, private_key_pem 4} -> SignResult {result 1, signature 2, error 3}. */
export const signText: ForeignFunction = (argument) => {
  const fields = readFields(argument);
  if (fields === undefined || hasBothOrNone(bytesOf(fields, 2), bytesOf(fields, 4))) return { status: Status.BadArgument };
  const failed = (error: string) => ({ status: Status.Ok, result: writeFields([[3, Buffer.from(error)]]) });
  const hash = textOf(fields, 1);
  if (!HASHES.has(hash.toLowerCase())) return failed(`${hash} is not supported.`);
  const key = readPrivateKey(bytesOf(fields, 2), textOf(fields, 4));
  if (key === undefined) return failed("Invalid key type: private key required for signing operation.");
  const signature = attempt(() => nodeCrypto().sign(hash, bytesOf(fields, 3), key));
  if (signature === undefined) return failed("Invalid private key: key data is corrupted or malformed.");
  return {
    status: Status.Ok,
    result: writeFields([
      [1, true],
      [2, signature],
    ]),
  };
};

function hasBothOrNone(der: Uint8Array, pem: Uint8Array): boolean {
  return der.length > 0 === pem.length > 0;
}

function attempt<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch {
    return undefined;
  }
}
