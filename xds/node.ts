import type { Result } from "../model/result.ts";
import { fail, ok } from "../model/result.ts";
import type { Node } from "./gen/envoy/config/core/v3/base.ts";
import { MANAGED_KEY, type ManagedSidecar, parseManagedSidecar } from "./resources/managed-sidecar.ts";
import { type SlotForm, slotForm } from "./resources/slot-form.ts";

/** Who opened a stream, as its first request says. */
export interface NodeInfo {
  readonly id: string;
  /** node.metadata.NAMESPACE, or empty. */
  readonly namespace: string;
  /** node.metadata.LABELS. */
  readonly labels: Readonly<Record<string, string>>;
  /** Envoy's version, e.g. `1.40.0`; empty when the client is another. */
  readonly version: string;
  readonly form: SlotForm;
  /** Set for a sidecar whose listener, route and cluster come from here too. */
  readonly managed: ManagedSidecar | undefined;
}

const MAX_ID_LENGTH = 1024;
const MAX_LABELS = 256;

/** Reads a node message. Fails with reason `NodeIdRequired` or `NodeIdTooLong`, worded for the status of the stream. */
export function parseNode(node: Node | undefined): Result<NodeInfo> {
  const id = node?.id ?? "";
  if (id === "") return fail("NodeIdRequired", "the first request of a stream must carry node.id: set `node: {id: ...}` in the bootstrap");
  if (id.length > MAX_ID_LENGTH) return fail("NodeIdTooLong", `node.id has ${id.length} characters, at most ${MAX_ID_LENGTH} are taken`);
  const metadata = node?.metadata ?? {};
  const version =
    node?.userAgentVersionType?.$case === "userAgentBuildVersion" ? node.userAgentVersionType.userAgentBuildVersion.version : undefined;
  return ok({
    id,
    namespace: typeof metadata.NAMESPACE === "string" ? metadata.NAMESPACE : "",
    labels: parseLabels(metadata.LABELS),
    version: version === undefined ? "" : `${version.majorNumber ?? 0}.${version.minorNumber ?? 0}.${version.patch ?? 0}`,
    form: slotForm(node?.extensions ?? []),
    managed: parseManagedSidecar(metadata[MANAGED_KEY]),
  });
}

function parseLabels(value: unknown): Readonly<Record<string, string>> {
  if (typeof value !== "object" || value === null) return {};
  const labels = Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === "string");
  return Object.fromEntries(labels.slice(0, MAX_LABELS));
}
