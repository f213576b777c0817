import { type SSEStreamingApi, streamSSE } from "hono/streaming";
import { inBackground } from "../base/boundary.ts";
import { failure, type HubContext } from "./answers.ts";
import type { ChangeEvent, Views } from "./views.ts";

export interface EventStream {
  /** Answers with a server-sent event stream; 503 when there are too many readers. */
  open(context: HubContext): Response;
  /** Ends every stream: who still may read comes back. */
  drop(): void;
  /** Ends every stream and stops listening to the views. */
  close(): void;
}

export interface EventLimits {
  readonly maxClients: number;
  /** A reader with more than this unread is dropped: it may come back and read the present state from the other paths. */
  readonly maxBufferedBytes: number;
  /** A comment line is sent this often, so that dead readers are noticed and idle proxies keep the connection. */
  readonly keepAliveMs: number;
}

const encoder = new TextEncoder();

/** Fans `views`' changes out as server-sent events. https://html.spec.whatwg.org/multipage/server-sent-events.html */
export function createEventStream(views: Views, limits: EventLimits): EventStream {
  const readers = new Set<Reader>();
  const unsubscribe = views.onEvent((event) => {
    if (readers.size > 0) broadcast(encode(event));
  });
  const unlisten = views.onChange(() => {
    if (readers.size > 0) broadcast("event: state\ndata: {}\n\n");
  });
  const timer = setInterval(() => broadcast(": still here\n\n"), limits.keepAliveMs);
  timer.unref();

  function broadcast(text: string): void {
    // Encoded once, whoever reads it.
    const frame = encoder.encode(text);
    for (const reader of readers) if (!reader.write(frame)) readers.delete(reader);
  }

  function drop(): void {
    for (const reader of readers) reader.end();
    readers.clear();
  }

  return {
    open(context) {
      if (readers.size >= limits.maxClients) {
        return failure(503, "TooManyReaders", "too many readers of the event stream; try again later", { "retry-after": "5" });
      }
      const response = streamSSE(context, async (stream) => {
        const reader = new Reader(stream, context.env.outgoing, limits.maxBufferedBytes);
        readers.add(reader);
        reader.write(encoder.encode(": changes from now on\n\n"));
        await reader.ended;
        readers.delete(reader);
      });
      response.headers.set("cache-control", "no-store");
      return response;
    },
    drop,
    close() {
      clearInterval(timer);
      unsubscribe();
      unlisten();
      drop();
    },
  };
}

/** One open stream, and what it has not taken yet. */
class Reader {
  /** Resolves when the reader left or was dropped, or the server ended the stream. */
  readonly ended: Promise<void>;
  readonly end: () => void;
  private readonly stream: SSEStreamingApi;
  private readonly socket: HubContext["env"]["outgoing"];
  private readonly maxUnread: number;
  /** Bytes written that have not reached the socket's buffer. */
  private waiting = 0;

  constructor(stream: SSEStreamingApi, socket: HubContext["env"]["outgoing"], maxUnread: number) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    this.end = resolve;
    this.stream = stream;
    this.socket = socket;
    this.maxUnread = maxUnread;
    stream.onAbort(resolve);
  }

  /** False: it had too much unread, or is gone, and was dropped. What is unread is counted before the write: one long event alone never drops a reader that keeps up. */
  write(frame: Uint8Array): boolean {
    if (this.stream.aborted || this.waiting + this.socket.writableLength > this.maxUnread) {
      this.socket.destroy();
      this.end();
      return false;
    }
    this.waiting += frame.byteLength;
    const written = this.stream.write(frame).then(() => {
      this.waiting -= frame.byteLength;
    });
    // It is gone.
    inBackground(written, this.end);
    return true;
  }
}

/** JSON holds no raw line break, so one `data:` line carries any message. */
function encode(event: ChangeEvent): string {
  return `event: change\ndata: ${JSON.stringify(event)}\n\n`;
}
