import { BinaryReader } from "@bufbuild/protobuf/wire";
import { MAX_LABELS, type ProxyIdentity } from "../../model/identity.ts";
import { proxyKey } from "../../model/proxy-key.ts";
import type { Result } from "../../model/result.ts";
import { fail, ok } from "../../model/result.ts";
import { type Dialect, dialectOf, FILTER_CHAIN_EXTENSION } from "../envoy/dialect.ts";
import { MANAGED_KEY, type ManagedSidecar, parseManagedSidecar } from "../envoy/managed-sidecar.ts";
import { parseStatsInterval, STATS_INTERVAL_KEY } from "../envoy/stats-interval.ts";
import { Node } from "../gen/envoy/config/core/v3/base.ts";
import { decodeUtf8 } from "../protobuf/wire.ts";
import { usedOf } from "./node-fields.ts";

/** Who opened a stream, according to its first request. */
export interface NodeInfo {
  /** Which proxy it is: namespace and id, see `proxyKey`. */
  readonly key: string;
  readonly id: string;
  /** What the client proved; where nobody is asked, node.metadata.NAMESPACE, or empty. */
  readonly namespace: string;
  /** node.metadata.LABELS. */
  readonly labels: Readonly<Record<string, string>>;
  /** Envoy's version, e.g. `1.40.0`; empty when the client is another. */
  readonly version: string;
  readonly dialect: Dialect;
  /** How often it says that it reports its statistics, in milliseconds: node.metadata.WEIR_STATS_INTERVAL. */
  readonly reportsEveryMs: number | undefined;
  /** Set for a sidecar whose listener, route and cluster Weir serves too. */
  readonly managed: ManagedSidecar | undefined;
}

/** What is used of a node message: its id, namespace, labels, statistics interval, managed sidecar and version. */
export interface NodeMessage extends Node {
  /** True when its extensions list filter_chain. */
  readonly hasFilterChain: boolean;
}

/** The field `name` of an extension, number 1, as it is encoded. */
const FILTER_CHAIN_NAME = Buffer.from([(1 << 3) | 2, FILTER_CHAIN_EXTENSION.length, ...Buffer.from(FILTER_CHAIN_EXTENSION)]);

/**
 * Throws when the bytes are no node message.
 *
 * An Envoy lists all of its extensions, more than 500 of them in about 60 KB. To decode them costs several times as much as the rest of the connection.
 * Encoders write an extension's name as its first field; an extension where it is not is not recognized, and the proxy is served one filter at a time.
 */
export function decodeNode(bytes: Uint8Array): NodeMessage {
  let hasFilterChain = false;
  const used = usedOf(bytes, (start, end) => {
    hasFilterChain ||= startsWith(bytes, start, end, FILTER_CHAIN_NAME);
  });
  return { ...Node.decode(new BinaryReader(used, decodeUtf8)), hasFilterChain };
}

function startsWith(bytes: Uint8Array, start: number, end: number, prefix: Uint8Array): boolean {
  if (end - start < prefix.length) return false;
  for (let index = 0; index < prefix.length; index++) if (bytes[start + index] !== prefix[index]) return false;
  return true;
}

const MAX_ID_LENGTH = 1024;
/** The longest name that Kubernetes gives to anything. */
const MAX_NAMESPACE_LENGTH = 253;

/**
 * Reads a node message. Fails with reason `NodeIdRequired`, `NodeIdTooLong`, `InvalidNamespace`, `InvalidManagedSidecar`,
 * or `NotYours` when it claims what `identity` does not prove; worded for the status of the stream. Without an identity what it claims counts.
 */
export function parseNode(node: NodeMessage | undefined, identity?: ProxyIdentity): Result<NodeInfo> {
  const id = idOf(node, identity);
  if (id === "") return fail("NodeIdRequired", "the first request of a stream must carry node.id: set `node: {id: ...}` in the bootstrap");
  if (id.length > MAX_ID_LENGTH) return fail("NodeIdTooLong", `node.id has ${id.length} characters, at most ${MAX_ID_LENGTH} are taken`);
  const metadata = node?.metadata ?? {};
  const claimed = typeof metadata.NAMESPACE === "string" ? metadata.NAMESPACE : "";
  const namespace = claimed === "" ? (identity?.namespace ?? "") : claimed;
  if (namespace.length > MAX_NAMESPACE_LENGTH || namespace.includes("/"))
    return fail("InvalidNamespace", "node.metadata.NAMESPACE is no name of a namespace: it holds a `/`, or is too long");
  const denied = identity && contradiction(identity, namespace, id);
  if (denied !== undefined) return fail("NotYours", denied);
  const version = versionOf(node);
  const managed = parseManagedSidecar(metadata[MANAGED_KEY]);
  if (!managed.ok) return managed;
  return ok({
    key: proxyKey(namespace, id),
    id,
    namespace,
    labels: identity?.pod?.labels ?? parseLabels(metadata.LABELS),
    version,
    dialect: dialectOf(node?.hasFilterChain ?? false, version),
    reportsEveryMs: parseStatsInterval(metadata[STATS_INTERVAL_KEY]),
    managed: managed.value,
  });
}

/** A pod's name, whatever its proxy calls itself: a gateway's node.id is its own affair. */
function idOf(node: NodeMessage | undefined, { podUid, nodeId }: Partial<ProxyIdentity> = {}): string {
  return (podUid === undefined ? undefined : nodeId) ?? node?.id ?? "";
}

function versionOf(node: NodeMessage | undefined): string {
  if (node?.userAgentVersionType?.$case !== "userAgentBuildVersion") return "";
  const { version } = node.userAgentVersionType.userAgentBuildVersion;
  return version === undefined ? "" : `${version.majorNumber ?? 0}.${version.minorNumber ?? 0}.${version.patch ?? 0}`;
}

/** What a node claims beyond what it proved; `undefined`: nothing. */
function contradiction({ namespace, nodeId }: ProxyIdentity, claimedNamespace: string, claimedId: string): string | undefined {
  if (claimedNamespace !== namespace)
    return `node.metadata.NAMESPACE is ${claimedNamespace}, and this client proved that it belongs to ${namespace}; use a certificate or a token of ${claimedNamespace}`;
  if (nodeId !== undefined && claimedId !== nodeId)
    return `node.id is ${claimedId}, and this client proved that it is ${nodeId}; use a certificate or a token of its own for each node`;
  return undefined;
}

function parseLabels(value: unknown): Readonly<Record<string, string>> {
  if (typeof value !== "object" || value === null) return {};
  const labels = Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === "string");
  return Object.fromEntries(labels.slice(0, MAX_LABELS));
}
