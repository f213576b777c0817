import { BinaryReader } from "@bufbuild/protobuf/wire";
import { DeltaDiscoveryRequest, DiscoveryRequest } from "../gen/envoy/service/discovery/v3/discovery.ts";
import { decodeUtf8, takeOut } from "../protobuf/wire.ts";
import type { Request } from "../protocol/subscription.ts";
import { decodeNode, type NodeMessage } from "./node.ts";

/** A DiscoveryRequest or a DeltaDiscoveryRequest. */
export interface DiscoveryMessage {
  readonly typeUrl: string;
  readonly node: NodeMessage | undefined;
  /** Set when a state-of-the-world client says that it holds something of this type: the version of the last response that it took. */
  readonly resuming: string | undefined;
  /** The rest, for the subscription of its type. */
  readonly request: Request;
}

/** Number of the field `node`. */
const NODE = { sotw: 2, delta: 1 } as const;

/** `undefined` when the bytes are not a request of this variant. The node is decoded only when `wantsNode`: some clients repeat it in every request. */
export function decodeRequest(variant: Request["variant"], bytes: Uint8Array, wantsNode: boolean): DiscoveryMessage | undefined {
  try {
    let encoded: Uint8Array | undefined;
    const rest = takeOut(bytes, NODE[variant], (start, end) => {
      encoded = bytes.subarray(start, end);
    });
    const node = encoded && wantsNode ? decodeNode(encoded) : undefined;
    const reader = new BinaryReader(rest, decodeUtf8);
    return variant === "delta" ? decodeDelta(reader, node) : decodeSotw(reader, node);
  } catch {
    return undefined;
  }
}

/** Characters of a rejection's message that are kept: Envoy names each filter at fault in a few hundred. */
const MAX_ERROR_TEXT = 4_096;

function errorOf(detail: { readonly message?: string | undefined } | undefined): string | undefined {
  return detail && (detail.message ?? "").slice(0, MAX_ERROR_TEXT);
}

function decodeSotw(reader: BinaryReader, node: NodeMessage | undefined): DiscoveryMessage {
  const message = DiscoveryRequest.decode(reader);
  return {
    typeUrl: message.typeUrl ?? "",
    node,
    resuming: message.versionInfo || undefined,
    request: {
      variant: "sotw",
      names: message.resourceNames ?? [],
      nonce: message.responseNonce ?? "",
      error: errorOf(message.errorDetail),
    },
  };
}

const NONE: ReadonlyMap<string, string> = new Map();

function decodeDelta(reader: BinaryReader, node: NodeMessage | undefined): DiscoveryMessage {
  const message = DeltaDiscoveryRequest.decode(reader);
  const { initialResourceVersions } = message;
  return {
    typeUrl: message.typeUrl ?? "",
    node,
    resuming: undefined,
    request: {
      variant: "delta",
      subscribe: message.resourceNamesSubscribe ?? [],
      unsubscribe: message.resourceNamesUnsubscribe ?? [],
      initial: initialResourceVersions === undefined ? NONE : new Map(Object.entries(initialResourceVersions)),
      nonce: message.responseNonce ?? "",
      error: errorOf(message.errorDetail),
    },
  };
}
