import type { BodyBuffer, Context } from "../state/context.ts";
import type { Host } from "../state/host.ts";
import { createHeaderMap, type Pairs } from "../values/headers.ts";
import type { Message } from "../values/message.ts";
import { BufferType, MapType } from "../values/status.ts";

export type Direction = "request" | "response";

/** Where the plugin holds a message, with nothing left that would resume it. */
export interface Held {
  readonly in: "headers" | "body" | "trailers";
  /** Its headers were stopped by StopIteration, and its body with them: `allowOnHeadersStopIteration` would have let the plugin read that. */
  readonly withBody: boolean;
}

/** How a message passed through the plugin. */
export type FlowEnd =
  | { readonly kind: "passed"; readonly message: Message }
  | ({ readonly kind: "held" } & Held)
  | { readonly kind: "interrupted" };

/** What a flow needs of the stream that it belongs to. */
export interface FlowControl {
  /** The headers' callback returned and Envoy did what it asked for. */
  headersDone(direction: Direction): void;
  /** The headers went on. */
  headersSent(direction: Direction): void;
  /** There was a local reply or a reset, or the VM failed: the message ends here. */
  interrupted(): boolean;
  /** Answers calls and fires timers until the direction is resumed or nothing happens any more. True: resumed. */
  waitForResume(direction: Direction): boolean;
  /** True when the direction was resumed since the last call; resets that. */
  takeResume(direction: Direction): boolean;
}

const NAMES = {
  request: {
    headers: MapType.RequestHeaders,
    trailers: MapType.RequestTrailers,
    body: BufferType.RequestBody,
    callback: "proxy_on_request_",
  },
  response: {
    headers: MapType.ResponseHeaders,
    trailers: MapType.ResponseTrailers,
    body: BufferType.ResponseBody,
    callback: "proxy_on_response_",
  },
} as const;

const CONTINUE = 0;
/** Of headers: stops them alone, where the plugin's configuration lets it; else them and the body. */
const STOP = 1;
const CONTINUE_AND_END = 2;
const BUFFER = 1;
const WATERMARK = 2;

/**
 * Sends one message through the plugin as Envoy does: headers, then each chunk, then trailers. The plugin can use the header map
 * only in the headers' callback and while they are held. A chunk that is stopped is kept, or dropped on StopIterationNoBuffer.
 * Headers that are held while the body is read go on with the first of it that goes on.
 */
export function runFlow(host: Host, context: Context, direction: Direction, message: Message, control: FlowControl): FlowEnd {
  const names = NAMES[direction];
  const headers = createHeaderMap(message.headers);
  const end = message.body.length === 0 && message.trailers.length === 0;
  context.maps.set(names.headers, headers);
  context.endOfStream = end;
  const status = call(host, context, `${names.callback}headers`, headers.size, end ? 1 : 0);
  control.headersDone(direction);
  if (control.interrupted()) return { kind: "interrupted" };
  const goesOn = status === CONTINUE || status === CONTINUE_AND_END || control.takeResume(direction);
  const waitsForBody = status === STOP && host.options.allowOnHeadersStopIteration && !end;
  if (!goesOn && !waitsForBody && !control.waitForResume(direction)) {
    return control.interrupted() ? { kind: "interrupted" } : held("headers", status === STOP && !end);
  }
  let sent: Pairs | undefined;
  const kept: Kept = {
    sendHeaders() {
      if (sent === undefined) control.headersSent(direction);
      sent ??= headers.pairs();
      return sent;
    },
    areHeadersHeld: () => sent === undefined,
    passed: [],
    held: { bytes: new Uint8Array(), writable: true },
    buffering: false,
  };
  if (goesOn || !waitsForBody) {
    kept.sendHeaders();
    context.maps.delete(names.headers);
  }
  return (
    runBody(host, context, direction, { message, kept }, control) ??
    runTrailers(host, context, direction, { kept, trailers: message.trailers }, control)
  );
}

function held(where: Held["in"], withBody = false): FlowEnd {
  return { kind: "held", in: where, withBody };
}

interface Kept {
  /** The headers go on, if they did not before. Gives them as they were then. */
  readonly sendHeaders: () => Pairs;
  readonly areHeadersHeld: () => boolean;
  /** Sent on. */
  passed: Uint8Array[];
  /** Stopped and kept by Envoy. */
  held: BodyBuffer;
  /** The plugin sees what is held together with each further chunk. */
  buffering: boolean;
}

/** Sends the body chunk by chunk. Returns an end when the plugin never resumes the body, or when the stream was interrupted. */
function runBody(
  host: Host,
  context: Context,
  direction: Direction,
  { message, kept }: { readonly message: Message; readonly kept: Kept },
  control: FlowControl,
): FlowEnd | undefined {
  const names = NAMES[direction];
  for (const [index, bytes] of message.body.entries()) {
    const end = index === message.body.length - 1 && message.trailers.length === 0;
    const status = runChunk(host, context, names, { chunk: { bytes, writable: true }, end }, kept);
    if (control.interrupted()) return { kind: "interrupted" };
    if (status === CONTINUE) noteEarly(host, kept);
    if (status === CONTINUE || control.takeResume(direction) || (end && control.waitForResume(direction))) release(kept);
    else if (end) return control.interrupted() ? { kind: "interrupted" } : held("body");
  }
  return undefined;
}

function runChunk(
  host: Host,
  context: Context,
  names: (typeof NAMES)[Direction],
  { chunk, end }: { readonly chunk: BodyBuffer; readonly end: boolean },
  kept: Kept,
): number {
  if (kept.buffering) kept.held.bytes = Buffer.concat([kept.held.bytes, chunk.bytes]);
  const seen = kept.buffering ? kept.held : chunk;
  context.buffers.set(names.body, seen);
  context.endOfStream = end;
  const status = call(host, context, `${names.callback}body`, seen.bytes.length, end ? 1 : 0);
  if (!kept.buffering && (status === CONTINUE || status === BUFFER || status === WATERMARK)) {
    kept.held.bytes = Buffer.concat([kept.held.bytes, chunk.bytes]);
  }
  kept.buffering = status === BUFFER;
  if (status === CONTINUE) context.buffers.delete(names.body);
  return status;
}

/** The plugin lets held headers go in a callback for the body, and what it waits for may be what should have let them go. */
function noteEarly(host: Host, kept: Kept): void {
  if (!kept.areHeadersHeld() || host.calls.pending() === 0) return;
  host.options.journal.note("lets headers that it held go on with the body, before a call of its own is answered");
}

function release(kept: Kept): void {
  kept.sendHeaders();
  kept.passed.push(kept.held.bytes);
  kept.held = { bytes: new Uint8Array(), writable: true };
}

function runTrailers(
  host: Host,
  context: Context,
  direction: Direction,
  parts: { readonly kept: Kept; readonly trailers: Message["trailers"] },
  control: FlowControl,
): FlowEnd {
  const names = NAMES[direction];
  const trailers = context.maps.get(names.trailers) ?? createHeaderMap(parts.trailers);
  if (parts.trailers.length > 0) {
    if (parts.kept.held.bytes.length > 0) context.buffers.set(names.body, parts.kept.held);
    context.maps.set(names.trailers, trailers);
    const status = call(host, context, `${names.callback}trailers`, trailers.size);
    if (control.interrupted()) return { kind: "interrupted" };
    if (status !== CONTINUE && !control.waitForResume(direction)) {
      return control.interrupted() ? { kind: "interrupted" } : held("trailers");
    }
  }
  context.maps.delete(names.trailers);
  context.buffers.delete(names.body);
  release(parts.kept);
  const body = parts.kept.passed.filter((bytes) => bytes.length > 0);
  return { kind: "passed", message: { headers: parts.kept.sendHeaders(), body, trailers: trailers.pairs() } };
}

/** Runs a stream callback. Without one, everything continues. After a local reply the result counts as StopIteration. */
function call(host: Host, context: Context, name: string, ...args: number[]): number {
  if (!host.has(name)) return CONTINUE;
  const sized = host.options.abi === "0.1.0" && name.endsWith("_headers") ? args.slice(0, 1) : args;
  const status = host.call(context, name, context.id, ...sized) ?? CONTINUE;
  const stopped = host.stopIteration;
  host.runDeferred();
  return stopped && status === CONTINUE ? BUFFER : status;
}
