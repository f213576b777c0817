import { type SSEStreamingApi, streamSSE } from "hono/streaming";
import { inBackground } from "../base/boundary.ts";
import { addressOf, failure, type HubContext } from "./answers.ts";
import { createEventLog, type EventLog, type EventLogLimits } from "./event-log.ts";
import type { Views } from "./views.ts";

export interface EventStream {
  /** Answers with a server-sent event stream; 503 when there are too many readers, and nobody has more of them than who asks would have. */
  open(context: HubContext): Promise<Response>;
  /** Ends the streams of a session, or every stream: who still may read comes back. */
  drop(session?: string): void;
  /** Ends every stream and stops listening to the views. */
  close(): void;
}

/** Who reads a stream. */
export interface Follower {
  /** A person, or the address of who is nobody known. */
  readonly owner: string;
  /** The session with which the stream ends. */
  readonly session?: string | undefined;
}

export interface EventLimits {
  readonly maxClients: number;
  /** A reader with more than this unread is dropped: it may come back and read the present state from the other paths. */
  readonly maxBufferedBytes: number;
  /** A comment line is sent this often, so that dead readers are noticed and idle proxies keep the connection. */
  readonly keepAliveMs: number;
  /** Of the events that a reader who comes back is told. */
  readonly log: EventLogLimits;
}

const encoder = new TextEncoder();

/** Fans `views`' changes out as server-sent events. https://html.spec.whatwg.org/multipage/server-sent-events.html */
export function createEventStream(
  views: Views,
  limits: EventLimits,
  followerOf: (context: HubContext) => Promise<Follower> = async (context) => ({ owner: addressOf(context) }),
): EventStream {
  const readers = new Set<Reader>();
  const log = createEventLog(limits.log);
  // JSON holds no raw line break, so one `data:` line carries any message.
  const unsubscribe = views.onEvent((event) => broadcast(log.addChange(JSON.stringify(event))));
  const unlisten = views.onChange(() => broadcast(log.addState()));
  const timer = setInterval(() => broadcast(": still here\n\n"), limits.keepAliveMs);
  timer.unref();

  function broadcast(text: string): void {
    if (readers.size === 0) return;
    // Encoded once, whoever reads it.
    const frame = encoder.encode(text);
    for (const reader of readers) if (!reader.write(frame)) readers.delete(reader);
  }

  function drop(session?: string): void {
    for (const reader of readers) if (session === undefined || reader.follower.session === session) end(reader);
  }

  function end(reader: Reader): void {
    readers.delete(reader);
    reader.end();
  }

  /** Whether there is room: where all is taken, whoever has most of it gives one to who has less. */
  function makeRoom(owner: string): boolean {
    if (readers.size < limits.maxClients) return true;
    const byOwner = Map.groupBy(readers, (reader) => reader.follower.owner);
    const [oldest, ...others] = [...byOwner.values()].reduce((most, own) => (own.length > most.length ? own : most));
    // As many as the other one is left with.
    if (oldest === undefined || others.length <= (byOwner.get(owner)?.length ?? 0)) return false;
    end(oldest);
    return true;
  }

  return {
    async open(context) {
      const follower = await followerOf(context);
      if (context.env.outgoing.destroyed) return failure(503, "Busy", "its client left");
      if (!makeRoom(follower.owner)) {
        return failure(503, "TooManyReaders", "too many readers of the event stream; try again later", { "retry-after": "5" });
      }
      const lastEventId = context.req.header("last-event-id") ?? "";
      const response = streamSSE(context, async (stream) => {
        const reader = new Reader(stream, context.env.outgoing, { follower, maxUnread: limits.maxBufferedBytes });
        readers.add(reader);
        reader.write(encoder.encode(greeting(log, lastEventId)));
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
  readonly follower: Follower;
  private readonly stream: SSEStreamingApi;
  private readonly socket: HubContext["env"]["outgoing"];
  private readonly maxUnread: number;
  /** Bytes written that have not reached the socket's buffer. */
  private waiting = 0;

  constructor(
    stream: SSEStreamingApi,
    socket: HubContext["env"]["outgoing"],
    { follower, maxUnread }: { readonly follower: Follower; readonly maxUnread: number },
  ) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    this.end = resolve;
    this.stream = stream;
    this.socket = socket;
    this.follower = follower;
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

/**
 * What a reader gets first: what it missed, or that this cannot be told and all is to be read again. An id without data only says where the reader is, so that it can come
 * back even if nothing happens meanwhile.
 */
function greeting(log: EventLog, lastEventId: string): string {
  const place = `id: ${log.place()}\n`;
  if (lastEventId === "") return `: changes from now on\n${place}\n`;
  const missed = log.since(lastEventId);
  if (missed.kind === "lost") {
    const data = JSON.stringify({ message: `${missed.why}; what came since is not known, read all again` });
    return `${place}event: reset\ndata: ${data}\n\n`;
  }
  // The changes bring their own ids; the last one is the newest.
  const state = missed.state ? "event: state\ndata: {}\n" : ": nothing else was missed\n";
  return `${missed.changes.join("")}${state}${place}\n`;
}
