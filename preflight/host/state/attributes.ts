import { createHeaderMap } from "../values/headers.ts";
import { bodyOf, type Message } from "../values/message.ts";
import type { Property } from "../values/properties.ts";
import type { Context } from "./context.ts";

export type Attributes = Readonly<Record<string, Property>>;

/** Everything that proxy_get_property and CEL expressions can read in this context, except what the plugin set itself. */
export function attributesOf({ name, rootId }: { readonly name: string; readonly rootId: string }, context: Context): Attributes {
  return { ...context.attributes(), plugin_name: name, plugin_root_id: rootId, plugin_vm_id: "" };
}

/** What of a stream its attributes tell. */
export interface StreamFacts {
  readonly request: Message;
  /** Absent: there is none yet. */
  readonly response: Message | undefined;
  /** False: the plugin answered in its place. */
  readonly hasUpstream: boolean;
}

/** Attributes of a stream. https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/advanced/attributes */
export function streamAttributes(id: number, { request, response, hasUpstream }: StreamFacts): Attributes {
  return {
    request: requestAttributes(request),
    ...(response !== undefined && { response: responseAttributes(response) }),
    ...(response !== undefined && hasUpstream && { upstream: { address: "127.0.0.1:8080", port: 8080n } }),
    source: { address: "127.0.0.1:40000", port: 40_000n },
    destination: { address: "127.0.0.1:10000", port: 10_000n },
    connection: { id: BigInt(id), mtls: false },
    connection_id: BigInt(id),
    xds: { cluster_name: "upstream", route_name: "default", listener_direction: 1n, node: { id: "preflight", cluster: "preflight" } },
  };
}

function requestAttributes(request: Message): Property {
  const headers = createHeaderMap(request.headers);
  const path = headers.get(":path") ?? "";
  const size = BigInt(bodyOf(request).length);
  return {
    path,
    url_path: path.split("?")[0] ?? "",
    query: path.split("?")[1] ?? "",
    host: headers.get(":authority") ?? "",
    scheme: headers.get(":scheme") ?? "http",
    method: headers.get(":method") ?? "",
    protocol: "HTTP/1.1",
    id: headers.get("x-request-id") ?? "",
    useragent: headers.get("user-agent") ?? "",
    referer: headers.get("referer") ?? "",
    headers: Object.fromEntries(headers.pairs()),
    size,
    total_size: size + BigInt(headers.byteSize()),
  };
}

function responseAttributes(response: Message): Property {
  const code = Number(createHeaderMap(response.headers).get(":status") ?? 0);
  return {
    code: BigInt(Number.isInteger(code) ? code : 0),
    headers: Object.fromEntries(response.headers),
    size: BigInt(bodyOf(response).length),
    flags: 0n,
  };
}
