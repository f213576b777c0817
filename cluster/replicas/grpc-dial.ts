import { X509Certificate } from "node:crypto";
import { type ChannelCredentials, Client, credentials } from "@grpc/grpc-js";
import type { Authority } from "../authority/authority.ts";
import type { Dial } from "./dial.ts";
import { issueReplicaCertificate, whyNoReplica } from "./identity.ts";

export interface GrpcDialOptions {
  readonly authority: Authority;
  /** See `replicaUri`. */
  readonly uri: string;
  readonly now: () => number;
}

const OPTIONS = {
  // A call has a connection of its own.
  "grpc.use_local_subchannel_pool": 1,
  "grpc.enable_retries": 0,
  // TLS takes no IP address as a server's name, and none counts: see checkServerIdentity. https://www.rfc-editor.org/rfc/rfc6066#section-3
  "grpc.ssl_target_name_override": "weir-replica",
  "grpc.max_receive_message_length": 4 * 1024 * 1024,
};

/** Who does not answer the end of a call within this time is left. */
const FINISH_MS = 500;

/** Far less than a certificate is valid. */
const KEEP_MS = 3_600_000;

const same = (bytes: Uint8Array) => Buffer.from(bytes);

/** Calls by grpc-js, over TLS with certificates of Weir's authority on both sides. The other side must be a replica: its address proves nothing. */
export function createGrpcDial({ authority, uri, now }: GrpcDialOptions): Dial {
  const credentialsNow = createCredentials({ authority, uri, now });
  return (address, method, handler) => {
    const client = new Client(address, credentialsNow(), OPTIONS);
    const call = client.makeBidiStreamRequest<Uint8Array, Buffer>(method, same, (bytes) => bytes);
    let isOver = false;
    const closed = (why: string) => {
      if (isOver) return;
      isOver = true;
      client.close();
      handler.closed(why);
    };
    call.on("data", (bytes: Buffer) => handler.message(bytes));
    call.on("drain", () => handler.drained());
    call.on("error", (error: Error) => closed(error.message));
    call.on("end", () => closed("it ended the call"));
    return {
      write: (message) => !isOver && call.write(message),
      end() {
        call.cancel();
        closed("it was ended here");
      },
      finish() {
        call.end();
        setTimeout(() => call.cancel(), FINISH_MS).unref();
      },
    };
  };
}

/** Those of now. Made anew where the authority is another, and once an hour: a replica that is away is called each second, and a certificate takes milliseconds. */
function createCredentials({ authority, uri, now }: GrpcDialOptions): () => ChannelCredentials {
  const checkServerIdentity = (_host: string, { raw }: { readonly raw: Buffer }): Error | undefined => {
    const { subjectAltName: altNames = "", validToDate } = new X509Certificate(raw);
    const why = whyNoReplica({ altNames, until: validToDate.getTime(), fault: undefined }, uri, now());
    return why === undefined ? undefined : new Error(why);
  };
  let kept: { readonly secure: ChannelCredentials; readonly of: string; readonly at: number } | undefined;
  return () => {
    const [at, ca] = [now(), authority.current()];
    const of = authority.signing().cert + ca;
    if (kept === undefined || kept.of !== of || Math.abs(at - kept.at) > KEEP_MS) {
      const { cert, key } = issueReplicaCertificate(authority, uri, "client", at);
      const secure = credentials.createSsl(Buffer.from(ca), Buffer.from(key), Buffer.from(cert), { checkServerIdentity });
      kept = { secure, of, at };
    }
    return kept.secure;
  };
}
