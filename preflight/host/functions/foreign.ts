import { nodeZlib } from "../builtins.ts";
import type { Host } from "../state/host.ts";
import { bytesOf, readFields, textOf } from "../values/protobuf.ts";
import { Status } from "../values/status.ts";
import { signText, verifySignature } from "./signatures.ts";

/** A function of Envoy itself, which plugins call by name through proxy_call_foreign_function. */
export type ForeignFunction = (argument: Uint8Array) => { readonly status: number; readonly result?: Uint8Array };

const badArgument = { status: Status.BadArgument };

/** The functions that Envoy 1.40 registers, `undefined` for other names. Messages: source/extensions/common/wasm/ext/*.proto of Envoy. */
export function foreignFunction(host: Host, name: string): ForeignFunction | undefined {
  switch (name) {
    case "compress":
      return (data) => ({ status: Status.Ok, result: nodeZlib().deflateSync(data) });
    case "uncompress":
      return (data) => inflate(host, data);
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

/** No more comes out than the plugin may still have made. */
function inflate(host: Host, data: Uint8Array): ReturnType<ForeignFunction> {
  const room = host.room();
  try {
    return { status: Status.Ok, result: nodeZlib().inflateSync(data, { maxOutputLength: Math.max(1, room) }) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") host.charge(room + 1);
    return { status: Status.SerializationFailure };
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
