import type { ServerResponse } from "node:http";
import type { ChangeEvent, Views } from "./views.ts";

export interface EventStream {
  /** Takes over the response as a server-sent event stream. False: too many readers, and the response is untouched. */
  open(response: ServerResponse): boolean;
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

/** Fans `views`' changes out as server-sent events. https://html.spec.whatwg.org/multipage/server-sent-events.html */
export function createEventStream(views: Views, limits: EventLimits): EventStream {
  const readers = new Set<ServerResponse>();
  const unsubscribe = views.onEvent((event) => broadcast(encode(event)));
  const timer = setInterval(() => broadcast(": still here\n\n"), limits.keepAliveMs);
  timer.unref();

  function broadcast(frame: string): void {
    for (const reader of readers) {
      // Buffered bytes are counted before the write: one long event alone never drops a reader that keeps up.
      if (reader.writableLength > limits.maxBufferedBytes) drop(reader);
      else reader.write(frame);
    }
  }

  function drop(reader: ServerResponse): void {
    readers.delete(reader);
    reader.destroy();
  }

  return {
    open(response) {
      if (readers.size >= limits.maxClients) return false;
      readers.add(response);
      response.on("close", () => readers.delete(response));
      response.on("error", () => drop(response));
      response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store", "x-content-type-options": "nosniff" });
      response.write(": changes from now on\n\n");
      return true;
    },
    close() {
      clearInterval(timer);
      unsubscribe();
      for (const reader of readers) reader.end();
      readers.clear();
    },
  };
}

/** JSON holds no raw line break, so one `data:` line carries any message. */
function encode(event: ChangeEvent): string {
  return `event: change\ndata: ${JSON.stringify(event)}\n\n`;
}
