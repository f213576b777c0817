import assert from "node:assert/strict";
import { DeltaDiscoveryResponse, DiscoveryResponse } from "../gen/envoy/service/discovery/v3/discovery.ts";
import type { Request } from "../protocol/subscription.ts";

export type Variant = Request["variant"];

/** A response of either variant, taken apart. */
export interface Received {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly version: string;
  /** Name -> version and bytes of what came. In the state-of-the-world variant the version is the response's. */
  readonly resources: ReadonlyMap<string, { readonly version: string; readonly value: Buffer }>;
  readonly removed: readonly string[];
  readonly size: number;
}

export function readDelta(bytes: Buffer): Received {
  const message = DeltaDiscoveryResponse.decode(bytes);
  const resources = new Map<string, { version: string; value: Buffer }>();
  for (const { name = "", version = "", resource, ttl } of message.resources ?? []) {
    assert.equal(ttl, undefined, "a time to live only for clients that say they know it");
    assert(!resources.has(name), `${name} comes twice in a response`);
    assert.equal(resource?.typeUrl, message.typeUrl);
    resources.set(name, { version, value: resource?.value ?? Buffer.alloc(0) });
  }
  return { ...common(message, message.systemVersionInfo, bytes), resources, removed: message.removedResources ?? [] };
}

export function readSotw(bytes: Buffer, nameOf: (typeUrl: string, value: Buffer) => string): Received {
  const message = DiscoveryResponse.decode(bytes);
  const version = message.versionInfo ?? "";
  const resources = new Map<string, { version: string; value: Buffer }>();
  for (const { typeUrl = "", value = Buffer.alloc(0) } of message.resources ?? []) {
    const name = nameOf(typeUrl, value);
    assert(!resources.has(name), `${name} comes twice in a response`);
    assert.equal(typeUrl, message.typeUrl);
    resources.set(name, { version, value });
  }
  return { ...common(message, version, bytes), resources, removed: [] };
}

function common({ typeUrl = "", nonce = "" }: { typeUrl?: string | undefined; nonce?: string | undefined }, version = "", bytes: Buffer) {
  return { typeUrl, nonce, version, size: bytes.length };
}

/** The name of every resource type served here is the message's field 1. */
export function firstField(_typeUrl: string, value: Buffer): string {
  assert.equal(value[0], 10, "the resource starts with its name");
  const length = value[1] ?? 0;
  assert(length < 128, "the name is short");
  return value.subarray(2, 2 + length).toString();
}
