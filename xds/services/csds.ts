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
import type { NameStatus } from "../protocol/subscription.ts";
import type { Discovery } from "../stream/discovery.ts";
import type { NodeInfo } from "../stream/node.ts";
import type { XdsStream } from "../stream/stream.ts";
import { unary } from "./methods.ts";

/** What a client rejected and is meant to hold all the same. */
export interface Problem {
  readonly version: string;
  readonly message: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

export interface CsdsOptions {
  readonly discovery: Discovery;
  readonly cache: Cache;
  /** A problem that outlives the stream it came up on; `undefined`: none is known. */
  readonly problemOf: (nodeId: string, typeUrl: string, name: string) => Problem | undefined;
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

function clientConfigs({ discovery, cache, problemOf }: CsdsOptions, matchers: readonly NodeMatcher[]): ClientConfig[] {
  const nodes = new Map<string, { node: NodeInfo; streams: XdsStream[] }>();
  for (const stream of discovery.streams()) {
    if (stream.node === undefined || !matches(stream.node.id, matchers)) continue;
    const known = nodes.get(stream.node.id) ?? { node: stream.node, streams: [] };
    known.streams.push(stream);
    nodes.set(stream.node.id, known);
  }
  return [...nodes.values()].map(({ node, streams }) => {
    // Where several streams of a node ask for one name, the newest speaks for it.
    const configs = new Map<string, ClientConfig_GenericXdsConfig>();
    for (const { types } of streams.sort((a, b) => a.id - b.id)) {
      for (const { typeUrl, subscription } of types) {
        const lookup = cache.lookup(node.id, typeUrl);
        for (const each of subscription.statuses()) {
          const current = lookup.get(each.name);
          const version = typeof current === "string" ? undefined : current.version;
          configs.set(`${typeUrl} ${each.name}`, configOf(typeUrl, each, version, problemOf(node.id, typeUrl, each.name)));
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
  known: Problem | undefined,
): ClientConfig_GenericXdsConfig {
  const problem = known ?? (held.error === undefined ? undefined : { version: held.version ?? "", message: held.error, at: undefined });
  const errorState = problem && {
    details: problem.message,
    versionInfo: problem.version,
    lastUpdateAttempt: problem.at === undefined ? undefined : new Date(problem.at),
  };
  return {
    typeUrl,
    name: held.name,
    versionInfo: held.version ?? "",
    configStatus: problem === undefined ? configStatus(held, current) : ConfigStatus.ERROR,
    clientStatus: problem === undefined ? clientStatus(held) : ClientResourceStatus.NACKED,
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
