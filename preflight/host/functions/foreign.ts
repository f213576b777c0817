import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { deflateSync, inflateSync } from "node:zlib";
import type { Host } from "../state/host.ts";
import { type Fields, readFields, writeFields } from "../values/protobuf.ts";
import { Status } from "../values/status.ts";

/** A function of Envoy itself, which plugins call by name through proxy_call_foreign_function. */
export type ForeignFunction = (argument: Uint8Array) => { readonly status: number; readonly result?: Uint8Array };

const MAX_INFLATED = 64 * 1024 * 1024;
const badArgument = { status: Status.BadArgument };

/** The functions that Envoy 1.40 registers, `undefined` for other names. Messages: source/extensions/common/wasm/ext/*.proto of Envoy. */
export function foreignFunction(host: Host, name: string): ForeignFunction | undefined {
  switch (name) {
    case "compress":
      return (data) => ({ status: Status.Ok, result: deflateSync(data) });
    case "uncompress":
      return inflate;
    case "clear_route_cache":
      return () => ({ status: Status.Ok });
    case "verify_signature":
      return verifySignature;
    case "sign":
      return signText;
    case "declare_property":
      return (argument) => declareProperty(host, argument);
    case "set_envoy_filter_state":
      return (argument) => setFilterState(host, argument);
    case "expr_create":
      return (text) => {
        host.charge(text.length);
        const token = host.expressions.create(Buffer.from(text).toString("utf8"));
        return token === undefined ? badArgument : { status: Status.Ok, result: word(token) };
      };
    case "expr_evaluate":
      return (argument) => (argument.length === 4 ? host.expressions.evaluate(Buffer.from(argument).readUInt32LE()) : badArgument);
    case "expr_delete":
      return (argument) => {
        if (argument.length !== 4) return badArgument;
        host.expressions.remove(Buffer.from(argument).readUInt32LE());
        return { status: Status.Ok };
      };
    default:
      return undefined;
  }
}

function word(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

const inflate: ForeignFunction = (data) => {
  try {
    return { status: Status.Ok, result: inflateSync(data, { maxOutputLength: MAX_INFLATED }) };
  } catch {
    return { status: Status.SerializationFailure };
  }
};

/** VerifySignatureArguments {public_key 1 (DER), hash_function 2, signature 3, text 4, public_key_pem 5} -> VerifySignatureResult {result 1, error 2}. */
const verifySignature: ForeignFunction = (argument) => {
  const fields = readFields(argument);
  const key =
    fields &&
    keyOf(
      fields,
      1,
      5,
      (pem) => createPublicKey(pem),
      (der) => createPublicKey({ key: der, format: "der", type: "spki" }),
    );
  if (fields === undefined || key === undefined) return badArgument;
  try {
    const valid = verify(textOf(fields, 2), bytesOf(fields, 4), key, bytesOf(fields, 3));
    return {
      status: Status.Ok,
      result: writeFields([
        [1, valid],
        [2, Buffer.from(valid ? "" : "Failed to verify digital signature.")],
      ]),
    };
  } catch {
    return { status: Status.Ok, result: writeFields([[2, Buffer.from(`${textOf(fields, 2)} is not supported.`)]]) };
  }
};

/** SignArguments {private_key 1 (DER), hash_function 2, text 3, private_key_pem 4} -> SignResult {result 1, signature 2, error 3}. */
const signText: ForeignFunction = (argument) => {
  const fields = readFields(argument);
  const key =
    fields &&
    keyOf(
      fields,
      1,
      4,
      (pem) => createPrivateKey(pem),
      (der) => createPrivateKey({ key: der, format: "der", type: "pkcs8" }),
    );
  if (fields === undefined || key === undefined) return badArgument;
  try {
    return {
      status: Status.Ok,
      result: writeFields([
        [1, true],
        [2, sign(textOf(fields, 2), bytesOf(fields, 3), key)],
      ]),
    };
  } catch {
    return { status: Status.Ok, result: writeFields([[3, Buffer.from(`${textOf(fields, 2)} is not supported.`)]]) };
  }
};

function keyOf(
  fields: Fields,
  der: number,
  pem: number,
  fromPem: (text: string) => KeyObject,
  fromDer: (key: Buffer) => KeyObject,
): KeyObject | undefined {
  const [asDer, asPem] = [bytesOf(fields, der), textOf(fields, pem)];
  if (asDer.length > 0 === asPem.length > 0) return undefined;
  try {
    return asPem.length > 0 ? fromPem(asPem) : fromDer(Buffer.from(asDer));
  } catch {
    return undefined;
  }
}

/** DeclarePropertyArguments {name 1, ...}: a name can be declared once. */
function declareProperty(host: Host, argument: Uint8Array): { status: number } {
  const fields = readFields(argument);
  const name = fields === undefined ? "" : textOf(fields, 1);
  if (name === "" || host.declared.has(name)) return badArgument;
  host.charge(name.length);
  host.declared.add(name);
  return { status: Status.Ok };
}

/** SetEnvoyFilterStateArguments {path 1, value 2, span 3}. Which paths exist depends on how the proxy was built. The sandbox accepts all of Envoy's own. */
function setFilterState(host: Host, argument: Uint8Array): { status: number } {
  const fields = readFields(argument);
  if (fields === undefined) return badArgument;
  const context = host.context();
  if (context.stream === undefined || !textOf(fields, 1).startsWith("envoy.")) return { status: Status.NotFound };
  const value = bytesOf(fields, 2);
  host.charge(value.length);
  host.options.journal.note(`sets filter state ${textOf(fields, 1)}`);
  return { status: Status.Ok };
}

function bytesOf(fields: Fields, number: number): Uint8Array {
  const value = fields.get(number);
  return value instanceof Uint8Array ? value : new Uint8Array();
}

function textOf(fields: Fields, number: number): string {
  return Buffer.from(bytesOf(fields, number)).toString("utf8");
}
