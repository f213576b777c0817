import type { HeaderMap, Pairs } from "../values/headers.ts";
import type { Property } from "../values/properties.ts";

/** Bytes that a plugin may read and sometimes rewrite. */
export interface BodyBuffer {
  bytes: Uint8Array;
  readonly writable: boolean;
}

/** What a host function acts on: the VM itself (0), the plugin's root, or one stream. */
export interface Context {
  readonly id: number;
  readonly kind: "vm" | "root" | "stream";
  /** The root context of a stream. */
  readonly parent: Context | undefined;
  /** Header maps that the running callback can use, by MapType. */
  readonly maps: Map<number, HeaderMap>;
  /** Maps of the access log phase: readable, not writable. */
  logMaps: Map<number, HeaderMap> | undefined;
  /** Buffers that the running callback can use, by BufferType. */
  readonly buffers: Map<number, BodyBuffer>;
  /** True in the last callback of a direction: asking for trailers then makes them. */
  endOfStream: boolean;
  /** Attributes; those of a stream change as it goes. */
  attributes: () => Readonly<Record<string, Property>>;
  /** What the plugin set by proxy_set_property. */
  readonly state: Map<string, Uint8Array>;
  /** Code and message for proxy_get_status. */
  status: { code: number; message: string };
  readonly stream: StreamControl | undefined;
}

export interface LocalReply {
  readonly status: number;
  readonly details: string;
  readonly body: Uint8Array;
  readonly headers: Pairs;
  readonly grpcStatus: number;
}

/** What a plugin may do to its stream. Envoy does it after the running callback returns. */
export interface StreamControl {
  resume(direction: "request" | "response"): void;
  reset(): void;
  reply(reply: LocalReply): void;
}

export function createContext(id: number, parent: Context | undefined, stream: StreamControl | undefined): Context {
  return {
    id,
    kind: stream !== undefined ? "stream" : id === 0 ? "vm" : "root",
    parent,
    maps: new Map(),
    logMaps: undefined,
    buffers: new Map(),
    endOfStream: false,
    attributes: () => ({}),
    state: new Map(),
    status: { code: 0, message: "" },
    stream,
  };
}

/** The context that owns calls, timers and status: the root of a stream, else the context itself. */
export function rootOf(context: Context): Context {
  return context.parent ?? context;
}
