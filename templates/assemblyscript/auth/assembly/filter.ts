// Lets only requests with a known token pass. Others are answered with 401; no other service is asked.
// Configuration: {"tokens": ["..."]}. Requests bring one of them: "authorization: Bearer ...".
import { Action, Configuration, Header, RootContext, registerPlugin, StreamContext } from "@weir-dev/assemblyscript";

const SCHEME = "bearer ";

/** The filter with its configuration: one for each worker thread of the proxy. */
class Auth extends RootContext {
  private tokens: ArrayBuffer[] = [];

  /** False refuses the configuration: the proxy keeps what it ran before. The log says why, and never quotes a token. */
  onConfigure(configuration: string): bool {
    const config = Configuration.parse(configuration);
    const tokens = config.strings("tokens");
    if (tokens.length == 0) config.fault("tokens", "must have at least one");
    if (tokens.includes("")) config.fault("tokens", "must not be empty");
    this.tokens = tokens.map<ArrayBuffer>((token) => String.UTF8.encode(token));
    return config.check();
  }

  createStream(): StreamContext {
    return new AuthStream(this);
  }

  /** `value`: of the header authorization. The scheme's case does not matter (RFC 9110, section 11.1). */
  allows(value: string): bool {
    if (!hasScheme(value)) return false;
    const token = String.UTF8.encode(value.substring(SCHEME.length));
    let found = false;
    for (let i = 0; i < this.tokens.length; i++) found = isSame(this.tokens[i], token) || found;
    return found;
  }
}

/** One request and its response. */
class AuthStream extends StreamContext {
  constructor(private root: Auth) {
    super();
  }

  onRequestHeaders(count: u32, endOfStream: bool): Action {
    const value = this.requestHeaders.get("authorization");
    if (value !== null && this.root.allows(value)) return Action.Continue;
    this.respond(401, "a known token is missing\n", [new Header("www-authenticate", "Bearer")], "no_token");
    return Action.Pause;
  }
}

/** By hand: toLowerCase() knows all of Unicode, which is 8 KB. */
function hasScheme(value: string): bool {
  if (value.length < SCHEME.length || value.charCodeAt(SCHEME.length - 1) != 0x20) return false;
  for (let i = 0; i < SCHEME.length - 1; i++) if ((value.charCodeAt(i) | 0x20) != SCHEME.charCodeAt(i)) return false;
  return true;
}

/** How long it takes tells nothing of the bytes: guessing a token byte by byte is of no use. The size is no secret. */
function isSame(a: ArrayBuffer, b: ArrayBuffer): bool {
  if (a.byteLength != b.byteLength) return false;
  const left = Uint8Array.wrap(a);
  const right = Uint8Array.wrap(b);
  let difference: u8 = 0;
  for (let i = 0; i < left.length; i++) difference |= left[i] ^ right[i];
  return difference == 0;
}

registerPlugin(() => new Auth());
