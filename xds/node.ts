import type { Result } from "../model/result.ts";
import { fail, ok } from "../model/result.ts";
import type { Node } from "./gen/envoy/config/core/v3/base.ts";
import { type Dialect, dialectOf } from "./resources/dialect.ts";
import { MANAGED_KEY, type ManagedSidecar, parseManagedSidecar } from "./resources/managed-sidecar.ts";

/** Who opened a stream, as its first request says. */
export interface NodeInfo {
  readonly id: string;
  /** node.metadata.NAMESPACE, or empty. */
  readonly namespace: string;
  /** node.metadata.LABELS. */
  readonly labels: Readonly<Record<string, string>>;
  /** Envoy's version, e.g. `1.40.0`; empty when the client is another. */
  readonly version: string;
  readonly dialect: Dialect;
  /** Set for a sidecar whose listener, route and cluster come from here too. */
  readonly managed: ManagedSidecar | undefined;
}

const MAX_ID_LENGTH = 1024;
const MAX_LABELS = 256;

/** Reads a node message. Fails with reason `NodeIdRequired`, `NodeIdTooLong` or `InvalidManagedSidecar`, worded for the status of the stream. */
export function parseNode(node: Node | undefined): Result<NodeInfo> {
  const id = node?.id ?? "";
  if (id === "") return fail("NodeIdRequired", "the first request of a stream must carry node.id: set `node: {id: ...}` in the bootstrap");
  if (id.length > MAX_ID_LENGTH) return fail("NodeIdTooLong", `node.id has ${id.length} characters, at most ${MAX_ID_LENGTH} are taken`);
  const metadata = node?.metadata ?? {};
  const build =
    node?.userAgentVersionType?.$case === "userAgentBuildVersion" ? node.userAgentVersionType.userAgentBuildVersion.version : undefined;
  const version = build === undefined ? "" : `${build.majorNumber ?? 0}.${build.minorNumber ?? 0}.${build.patch ?? 0}`;
  const managed = parseManagedSidecar(metadata[MANAGED_KEY]);
  if (!managed.ok) return managed;
  return ok({
    id,
    namespace: typeof metadata.NAMESPACE === "string" ? metadata.NAMESPACE : "",
    labels: parseLabels(metadata.LABELS),
    version,
    dialect: dialectOf(node?.extensions ?? [], version),
    managed: managed.value,
  });
}

function parseLabels(value: unknown): Readonly<Record<string, string>> {
  if (typeof value !== "object" || value === null) return {};
  const labels = Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === "string");
  return Object.fromEntries(labels.slice(0, MAX_LABELS));
}
