import { hash } from "node:crypto";
import type { RequestOptions } from "node:https";
import type { KubeConfig, RequestContext } from "@kubernetes/client-node";
import { shared } from "../../../base/shared.ts";

type Dispatcher = ReturnType<RequestContext["getDispatcher"]>;

/** What of a connection comes from the credentials. */
const CONNECTION = ["ca", "cert", "key", "pfx", "passphrase", "rejectUnauthorized", "servername"] as const;

export interface Authorize {
  apply(context: RequestContext): Promise<void>;
  /** Requests from now on use new connections: one that broke or hangs may not be the only one. */
  renew(): void;
}

/**
 * Puts a kubeconfig's credentials into requests. The client makes a new pool of connections for each request, and with it a TLS handshake; here they share one
 * until a certificate changes. Tokens are looked at each time: they may be short-lived.
 */
export function createAuthorize(kubeConfig: KubeConfig): Authorize {
  let pool: { readonly key: string; readonly dispatcher: Promise<Dispatcher> } | undefined;
  // Requests under way end on the old one, a watch among them; then it closes.
  const renew = () => {
    void pool?.dispatcher.then((dispatcher) => dispatcher?.close()).catch(() => undefined);
    pool = undefined;
  };
  const open = async (context: RequestContext) => {
    await kubeConfig.applySecurityAuthentication(context);
    return inNobodysName(context.getDispatcher());
  };
  const apply = async (context: RequestContext) => {
    const options: RequestOptions = {};
    await kubeConfig.applyToHTTPSOptions(options);
    const key = hash("sha256", JSON.stringify(CONNECTION.map((name) => printed((options as Readonly<Record<string, unknown>>)[name]))));
    // Put here before anything is waited for: requests that come at once share it too.
    if (pool?.key !== key) {
      renew();
      pool = { key, dispatcher: open(context) };
    }
    const used = pool;
    for (const [name, value] of Object.entries(options.headers ?? {})) context.setHeaderParam(name, String(value));
    if (typeof options.auth === "string") context.setHeaderParam("authorization", `Basic ${Buffer.from(options.auth).toString("base64")}`);
    try {
      const dispatcher = await used.dispatcher;
      if (dispatcher !== undefined) context.setDispatcher(dispatcher);
    } catch (error) {
      if (pool === used) pool = undefined;
      throw error;
    }
  };
  return { apply, renew };
}

/** What happens on a connection is not held against whose request opened it. */
function inNobodysName(dispatcher: Dispatcher): Dispatcher {
  return dispatcher?.compose((dispatch) => (options, handler) => shared(() => dispatch(options, handler)));
}

function printed(value: unknown): unknown {
  return Buffer.isBuffer(value) ? value.toString("base64") : value;
}
