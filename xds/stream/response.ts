import { hash } from "node:crypto";
import type { Digest } from "../../model/digest.ts";
import { DeltaDiscoveryResponse, DiscoveryResponse, Resource as ResourceMessage } from "../gen/envoy/service/discovery/v3/discovery.ts";
import { frame, type Message } from "../grpc/message.ts";
import { field } from "../protobuf/wire.ts";
import type { Resource } from "../protocol/resource.ts";
import type { Request } from "../protocol/subscription.ts";

export interface Response {
  readonly nonce: string;
  /** The encoded discovery response. Shared between streams: never written to. */
  readonly message: Message;
}

export interface Content {
  readonly typeUrl: string;
  readonly resources: readonly Resource[];
  /** Delta only. */
  readonly removed: readonly string[];
  /** For `version_info`; absent: made from the resources' versions. */
  readonly version?: string | undefined;
}

/**
 * Encodes responses. Nonces are ids of pushes that rise over all streams, so a response with one resource is encoded once and
 * the same bytes go to every stream that wants it.
 */
export interface Encoder {
  /**
   * `after` is the highest push id the stream has seen: the response's is higher, so no nonce comes twice on a stream.
   * `undefined`: modules of its resources are not in memory.
   */
  encode(variant: Request["variant"], content: Content, after: number): (Response & { readonly id: number }) | undefined;
}

interface Encoded extends Response {
  readonly id: number;
}

/** Number of the field `resources` in both responses, and of `resource` in a delta resource. */
const RESOURCES = 2;

/** `codeOf`: a module's bytes, if they are in memory. */
export function createEncoder(codeOf: (wasmDigest: Digest) => Uint8Array | undefined): Encoder {
  // Held weakly: what is on its way is kept by those who send it, and nothing is kept for those who may never ask.
  const encoded = { sotw: new WeakMap<Resource, WeakRef<Encoded>>(), delta: new WeakMap<Resource, WeakRef<Encoded>>() };
  let lastId = 0;

  function encodeFresh(variant: Request["variant"], content: Content): Encoded | undefined {
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
      const known = encoded[variant].get(only)?.deref();
      if (known !== undefined && known.id > after) return known;
      const fresh = encodeFresh(variant, content);
      if (fresh !== undefined) encoded[variant].set(only, new WeakRef(fresh));
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

/** The version they share, or one made from all of theirs. */
function versionOf(resources: readonly Resource[]): string {
  const [first, ...rest] = resources;
  if (first !== undefined && rest.every(({ version }) => version === first.version)) return first.version;
  const names = resources.map(({ name, version }) => [name, version]).sort();
  return hash("sha256", JSON.stringify(names)).slice(0, 32);
}
