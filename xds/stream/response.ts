import { hash } from "node:crypto";
import type { Digest } from "../../model/digest.ts";
import { DeltaDiscoveryResponse, DiscoveryResponse, Resource as ResourceMessage } from "../gen/envoy/service/discovery/v3/discovery.ts";
import { frame, type Message } from "../grpc/message.ts";
import { field } from "../protobuf/wire.ts";
import type { Resource } from "../protocol/resource.ts";
import type { Request } from "../protocol/subscription.ts";

export interface Response {
  /** Id of the push; rises over all streams. */
  readonly id: number;
  /** The id as text. */
  readonly nonce: string;
  /** The encoded discovery response. Streams share it: do not write to it. */
  readonly message: Message;
}

export interface Content {
  readonly typeUrl: string;
  readonly resources: readonly Resource[];
  /** Delta only. */
  readonly removed: readonly string[];
  /** For `version_info`; absent: it is made from the versions of the resources. */
  readonly version?: string | undefined;
}

/**
 * Encodes responses. Nonces are ids of pushes that rise over all streams, so a response with one resource is encoded once and
 * the same bytes go to every stream that wants it.
 */
export interface Encoder {
  /**
   * `after`: the highest push id that the stream has seen. The id of the response is higher, so no nonce comes twice on a stream.
   * `undefined`: some modules of its resources are not in memory.
   */
  encode(variant: Request["variant"], content: Content, after: number): Response | undefined;
}

/** A response that was sent. Its bytes are held weakly: the send queues that hold them keep them alive. */
interface Sent {
  readonly id: number;
  readonly nonce: string;
  readonly message: WeakRef<Message>;
}

/** Number of the field `resources` in both responses, and of `resource` in a delta resource. */
const RESOURCES = 2;

/** `codeOf`: a module's bytes, if they are in memory. */
export function createEncoder(codeOf: (wasmDigest: Digest) => Uint8Array | undefined): Encoder {
  const sent = { sotw: new WeakMap<Resource, Sent>(), delta: new WeakMap<Resource, Sent>() };
  let lastId = 0;

  function encodeFresh(variant: Request["variant"], content: Content): Response | undefined {
    const code = gather(content.resources, codeOf);
    if (code === undefined) return undefined;
    lastId += 1;
    const nonce = lastId.toString(36);
    return { id: lastId, nonce, message: variant === "delta" ? delta(content, code, nonce) : sotw(content, code, nonce) };
  }

  return {
    encode(variant, content, after) {
      const [only] = content.resources;
      if (only === undefined || content.resources.length > 1 || content.removed.length > 0 || content.version !== undefined) {
        return encodeFresh(variant, content);
      }
      const known = sent[variant].get(only);
      const message = known?.message.deref();
      if (known !== undefined && message !== undefined && known.id > after) return { id: known.id, nonce: known.nonce, message };
      const fresh = encodeFresh(variant, content);
      if (fresh !== undefined) sent[variant].set(only, { id: fresh.id, nonce: fresh.nonce, message: new WeakRef(fresh.message) });
      return fresh;
    },
  };
}

type Code = ReadonlyMap<Digest, Uint8Array>;

/** The modules of these resources; `undefined`: not all are in memory. */
function gather(resources: readonly Resource[], codeOf: (wasmDigest: Digest) => Uint8Array | undefined): Code | undefined {
  const code = new Map<Digest, Uint8Array>();
  for (const { modules } of resources) {
    for (const wasmDigest of modules) {
      const bytes = codeOf(wasmDigest);
      if (bytes === undefined) return undefined;
      code.set(wasmDigest, bytes);
    }
  }
  return code;
}

function sotw({ typeUrl, resources, version }: Content, code: Code, nonce: string): Message {
  const head = DiscoveryResponse.encode({ typeUrl, nonce, versionInfo: version ?? versionOf(resources) }).finish();
  return frame([head, ...resources.flatMap((resource) => field(RESOURCES, resource.encode(code)))]);
}

function delta({ typeUrl, resources, removed, version }: Content, code: Code, nonce: string): Message {
  const systemVersionInfo = version ?? versionOf(resources);
  const head = DeltaDiscoveryResponse.encode({ typeUrl, nonce, systemVersionInfo, removedResources: [...removed] }).finish();
  return frame([head, ...resources.flatMap((resource) => field(RESOURCES, deltaResource(resource, code)))]);
}

function deltaResource(resource: Resource, code: Code) {
  const { name, version } = resource;
  return [ResourceMessage.encode({ name, version }).finish(), ...field(RESOURCES, resource.encode(code))];
}

/** The version that all of them share, or a hash of their versions. */
function versionOf(resources: readonly Resource[]): string {
  const [first, ...rest] = resources;
  if (first !== undefined && rest.every(({ version }) => version === first.version)) return first.version;
  const names = resources.map(({ name, version }) => [name, version]).sort();
  return hash("sha256", JSON.stringify(names)).slice(0, 32);
}
