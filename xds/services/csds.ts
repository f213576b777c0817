import { messageOf } from "../../base/error.ts";
import { ClientResourceStatus } from "../gen/envoy/admin/v3/config_dump_shared.ts";
import {
  type ClientConfig,
  type ClientConfig_GenericXdsConfig,
  ClientStatusRequest,
  ClientStatusResponse,
  ConfigStatus,
} from "../gen/envoy/service/status/v3/csds.ts";
import type { NodeMatcher } from "../gen/envoy/type/matcher/v3/node.ts";
import type { StringMatcher } from "../gen/envoy/type/matcher/v3/string.ts";
import type { Method } from "../grpc/call.ts";
import { frame } from "../grpc/message.ts";
import { status } from "../grpc/status.ts";
import type { Cache } from "../protocol/cache.ts";
import type { NameStatus, RejectedVersion } from "../protocol/subscription.ts";
import type { Discovery } from "../stream/discovery.ts";
import type { NodeInfo } from "../stream/node.ts";
import type { XdsStream } from "../stream/stream.ts";
import { unary } from "./methods.ts";

export interface CsdsOptions {
  readonly discovery: Discovery;
  readonly cache: Cache;
  /** The rejection of what a client is meant to hold under this name, also when it came on an earlier stream. */
  readonly rejectionOf: (proxyKey: string, typeUrl: string, name: string) => RejectedVersion | undefined;
}

const SERVICE = "/envoy.service.status.v3.ClientStatusDiscoveryService";

/**
 * Who has what, for the tools of the Envoy world. Resources come without their contents, which hold modules and configuration.
 * https://www.envoyproxy.io/docs/envoy/latest/api-v3/service/status/v3/csds.proto
 */
export function csdsMethods(options: CsdsOptions): [string, Method][] {
  const answer = (bytes: Buffer) => {
    const { nodeMatchers = [] } = ClientStatusRequest.decode(bytes);
    return ClientStatusResponse.encode({ config: clientConfigs(options, nodeMatchers) }).finish();
  };
  const stream: Method = (call) => ({
    message(bytes) {
      try {
        call.send(frame([answer(bytes)]));
      } catch (error) {
        call.end(status.invalidArgument, messageOf(error));
      }
    },
    halfClosed: () => call.end(status.ok),
    closed() {},
  });
  return [
    [`${SERVICE}/FetchClientStatus`, unary(answer)],
    [`${SERVICE}/StreamClientStatus`, stream],
  ];
}

function clientConfigs({ discovery, cache, rejectionOf }: CsdsOptions, matchers: readonly NodeMatcher[]): ClientConfig[] {
  const nodes = new Map<string, { node: NodeInfo; streams: XdsStream[] }>();
  for (const stream of discovery.streams()) {
    if (stream.node === undefined || !matches(stream.node.id, matchers)) continue;
    const known = nodes.get(stream.node.key) ?? { node: stream.node, streams: [] };
    known.streams.push(stream);
    nodes.set(stream.node.key, known);
  }
  return [...nodes.values()].map(({ node, streams }) => {
    // Where several streams of a node ask for one name, the newest speaks for it.
    const configs = new Map<string, ClientConfig_GenericXdsConfig>();
    for (const { types } of streams.sort((a, b) => a.id - b.id)) {
      for (const { typeUrl, subscription } of types) {
        const lookup = cache.lookup(node.key, typeUrl);
        for (const each of subscription.statuses()) {
          const current = lookup.get(each.name);
          const version = typeof current === "string" ? undefined : current.version;
          configs.set(`${typeUrl} ${each.name}`, configOf(typeUrl, each, version, rejectionOf(node.key, typeUrl, each.name)));
        }
      }
    }
    return {
      node: { id: node.id, metadata: { NAMESPACE: node.namespace, LABELS: node.labels } },
      genericXdsConfigs: [...configs.values()],
    };
  });
}

/** `current`: the version that the server has now; `undefined`: none. */
function configOf(
  typeUrl: string,
  held: NameStatus,
  current: string | undefined,
  known: RejectedVersion | undefined,
): ClientConfig_GenericXdsConfig {
  const rejected = known ?? (held.error === undefined ? undefined : { version: held.version ?? "", message: held.error, at: undefined });
  const errorState = rejected && {
    details: rejected.message,
    versionInfo: rejected.version,
    lastUpdateAttempt: rejected.at === undefined ? undefined : new Date(rejected.at),
  };
  return {
    typeUrl,
    name: held.name,
    versionInfo: held.version ?? "",
    configStatus: rejected === undefined ? configStatus(held, current) : ConfigStatus.ERROR,
    clientStatus: rejected === undefined ? clientStatus(held) : ClientResourceStatus.NACKED,
    errorState,
  };
}

function configStatus({ version, state }: NameStatus, current: string | undefined): ConfigStatus {
  if (version === undefined) return ConfigStatus.NOT_SENT;
  return state === "acked" && version === current ? ConfigStatus.SYNCED : ConfigStatus.STALE;
}

function clientStatus({ version, state }: NameStatus): ClientResourceStatus {
  if (version === undefined) return state === "acked" ? ClientResourceStatus.DOES_NOT_EXIST : ClientResourceStatus.REQUESTED;
  return state === "acked" ? ClientResourceStatus.ACKED : ClientResourceStatus.REQUESTED;
}

/** Any one of the matchers will do; none at all match every client. Throws on a kind of matcher that is not served. */
function matches(id: string, matchers: readonly NodeMatcher[]): boolean {
  return (
    matchers.length === 0 ||
    matchers.some(({ nodeId, nodeMetadatas = [] }) => {
      if (nodeMetadatas.length > 0) throw new Error("node_metadatas are not matched here: match node_id");
      return nodeId === undefined || matchesString(id, nodeId);
    })
  );
}

function matchesString(value: string, { matchPattern, ignoreCase }: StringMatcher): boolean {
  const fold = (text: string) => (ignoreCase ? text.toLowerCase() : text);
  if (matchPattern === undefined) return true;
  switch (matchPattern.$case) {
    case "exact":
      return fold(value) === fold(matchPattern.exact);
    case "prefix":
      return fold(value).startsWith(fold(matchPattern.prefix));
    case "suffix":
      return fold(value).endsWith(fold(matchPattern.suffix));
    case "contains":
      return fold(value).includes(fold(matchPattern.contains));
    default:
      throw new Error(`${matchPattern.$case} is not matched here: use exact, prefix, suffix or contains`);
  }
}
