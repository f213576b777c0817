import { messageOf } from "../../base/error.ts";
import { ClientResourceStatus } from "../gen/envoy/admin/v3/config_dump_shared.ts";
import { Node } from "../gen/envoy/config/core/v3/base.ts";
import {
  ClientStatusRequest,
  ConfigStatus,
  ClientConfig_GenericXdsConfig as GenericXdsConfig,
} from "../gen/envoy/service/status/v3/csds.ts";
import type { NodeMatcher } from "../gen/envoy/type/matcher/v3/node.ts";
import type { StringMatcher } from "../gen/envoy/type/matcher/v3/string.ts";
import type { Call, GuardedMethod, Method } from "../grpc/call.ts";
import { frame } from "../grpc/message.ts";
import { status } from "../grpc/status.ts";
import { createOpenGuard } from "../identity/guard.ts";
import { byteLength, field, type Rope } from "../protobuf/wire.ts";
import type { Cache } from "../protocol/cache.ts";
import type { NameStatus, RejectedVersion } from "../protocol/subscription.ts";
import type { Discovery } from "../stream/discovery.ts";
import type { NodeInfo } from "../stream/node.ts";
import type { XdsStream } from "../stream/stream.ts";
import { createSlices } from "./slices.ts";

export interface CsdsOptions {
  readonly discovery: Discovery;
  readonly cache: Cache;
  /** The rejection of what a client is meant to hold under this name, also when it came on an earlier stream. */
  readonly rejectionOf: (proxyKey: string, typeUrl: string, name: string) => RejectedVersion | undefined;
}

const SERVICE = "/envoy.service.status.v3.ClientStatusDiscoveryService";
/** Bytes of a request, and matchers in it. */
const MAX_REQUEST = 64 * 1024;
const MAX_MATCHERS = 100;
/** Bytes of an answer, and of all that clients have not taken yet. Most clients take 4 MiB; a fleet of 10,000 proxies with a few names each has 10 MB. */
const MAX_ANSWER = 32 * 1024 * 1024;
const MAX_WAITING = 64 * 1024 * 1024;
/** Numbers of the fields `ClientStatusResponse.config`, `ClientConfig.node` and `ClientConfig.generic_xds_configs`. */
const CONFIG = 1;
const NODE = 1;
const GENERIC = 3;

/**
 * Who has what, for the tools of the Envoy world. Resources come without their contents, which hold modules and configuration.
 * An answer is made in slices, one at a time: others do not wait for it.
 * https://www.envoyproxy.io/docs/envoy/latest/api-v3/service/status/v3/csds.proto
 */
export function csdsMethods(options: CsdsOptions, guard = createOpenGuard()): [string, GuardedMethod][] {
  let waiting = 0;
  const inTurn = createSlices();

  async function answer(call: Call, bytes: Buffer): Promise<void> {
    let held = 0;
    try {
      const { nodeMatchers = [] } = ClientStatusRequest.decode(bytes);
      if (nodeMatchers.length > MAX_MATCHERS) throw new Error(`at most ${MAX_MATCHERS} node_matchers are taken`);
      const parts = await inTurn(() => clientConfigs(options, nodeMatchers));
      if (parts === "tooLarge" || waiting + byteLength(parts) > MAX_WAITING) {
        call.end(status.resourceExhausted, "the answer is too large, or too many were not read yet; match fewer nodes, or try again later");
        return;
      }
      held = byteLength(parts);
      waiting += held;
      call.send(frame(parts));
      await call.taken();
    } catch (error) {
      call.end(status.invalidArgument, messageOf(error));
    } finally {
      waiting -= held;
    }
  }

  const stream: Method = (call) => ({
    maxRequestSize: MAX_REQUEST,
    message: (bytes) => answer(call, bytes),
    halfClosed: () => call.end(status.ok),
    closed() {},
  });
  const fetch: Method = (call) => {
    let isAsked = false;
    return {
      maxRequestSize: MAX_REQUEST,
      async message(bytes) {
        isAsked = true;
        await answer(call, bytes);
        call.end(status.ok);
      },
      halfClosed: () => call.end(isAsked ? status.ok : status.internal, isAsked ? "" : "no request came"),
      closed() {},
    };
  };
  return [
    [`${SERVICE}/FetchClientStatus`, guard.forReaders(fetch)],
    [`${SERVICE}/StreamClientStatus`, guard.forReaders(stream)],
  ];
}

interface Known {
  readonly node: NodeInfo;
  readonly streams: XdsStream[];
}

/** The encoded configs of the nodes that match. Yields often: each step is short. */
function* clientConfigs(options: CsdsOptions, matchers: readonly NodeMatcher[]): Generator<void, Rope | "tooLarge"> {
  const nodes = new Map<string, Known>();
  for (const stream of options.discovery.streams()) {
    yield;
    if (stream.node === undefined || !matches(stream.node.id, matchers)) continue;
    const known = nodes.get(stream.node.key) ?? { node: stream.node, streams: [] };
    known.streams.push(stream);
    nodes.set(stream.node.key, known);
  }
  const parts: Uint8Array[] = [];
  let size = 0;
  for (const known of nodes.values()) {
    const config = yield* clientConfig(options, known, MAX_ANSWER - size);
    if (config === "tooLarge") return config;
    size += byteLength(config);
    parts.push(...field(CONFIG, [Buffer.concat(config)]));
  }
  return parts;
}

function* clientConfig(
  { cache, rejectionOf }: CsdsOptions,
  { node, streams }: Known,
  maxSize: number,
): Generator<void, Uint8Array[] | "tooLarge"> {
  // Where several streams of a node ask for one name, the newest speaks for it.
  const configs = new Map<string, Uint8Array>();
  let size = 0;
  for (const { types } of streams.sort((a, b) => a.id - b.id)) {
    for (const { typeUrl, subscription } of types) {
      const lookup = cache.lookup(node.key, typeUrl);
      for (const each of subscription.statuses()) {
        yield;
        const current = lookup.get(each.name);
        const version = typeof current === "string" ? undefined : current.version;
        const config = configOf(typeUrl, each, version, rejectionOf(node.key, typeUrl, each.name));
        const encoded = GenericXdsConfig.encode(config).finish();
        configs.set(`${typeUrl} ${each.name}`, encoded);
        size += encoded.length;
        if (size > maxSize) return "tooLarge";
      }
    }
  }
  const parts = [...field(NODE, [Node.encode({ id: node.id, metadata: { NAMESPACE: node.namespace, LABELS: node.labels } }).finish()])];
  for (const config of configs.values()) {
    yield;
    parts.push(...field(GENERIC, [config]));
  }
  return parts;
}

/** `current`: the version that the server has now; `undefined`: none. */
function configOf(typeUrl: string, held: NameStatus, current: string | undefined, known: RejectedVersion | undefined): GenericXdsConfig {
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
