import { shared } from "../../base/shared.ts";
import { type Metrics, silentMetrics } from "../../model/metrics.ts";
import type { ModuleBytes } from "../../model/module.ts";
import { status } from "../grpc/status.ts";
import type { Cache } from "../protocol/cache.ts";
import type { Request } from "../protocol/subscription.ts";
import type { StreamLimits } from "./limits.ts";
import { createStreamMeter } from "./meter.ts";
import { ModuleLoads } from "./module-loads.ts";
import type { StreamObserver } from "./observer.ts";
import { Remembered } from "./remembered.ts";
import { createEncoder } from "./response.ts";
import { type StreamContext, type Wire, XdsStream } from "./stream.ts";

/** All open discovery streams, whatever carries them. */
export interface Discovery {
  /** `typeUrl`: of a separate service; `undefined` on the aggregated one. */
  open(variant: Request["variant"], typeUrl: string | undefined, wire: Wire): XdsStream;
  streams(): Iterable<XdsStream>;
  /** How many streams are open. */
  size(): number;
  /** Ends every stream with status UNAVAILABLE, so that clients go elsewhere. */
  close(): void;
}

/** Milliseconds that sending may take until requests are read again, and until others than proxies are served. */
const SLICE_MS = 10;

export interface DiscoveryOptions {
  readonly cache: Cache;
  /** The modules in resources of the cache. */
  readonly modules: ModuleBytes;
  /** Called for every stream. */
  readonly observer: StreamObserver;
  /** Bounds of each stream. */
  readonly limits: StreamLimits;
  readonly metrics?: Metrics;
}

export function createDiscovery({ cache, modules, observer, limits, metrics = silentMetrics }: DiscoveryOptions): Discovery {
  const loads = new ModuleLoads<XdsStream>(modules, (stream, { resource, missing }) => {
    if (missing !== undefined) stream.missing(resource, missing);
    schedule(stream);
  });
  const encoder = createEncoder((wasmDigest) => loads.peek(wasmDigest));
  const streams = new Map<XdsStream, Wire>();
  const due = new Set<XdsStream>();
  let lastId = 0;
  let scheduled = false;

  // Changes of one turn of the event loop are sent together in the next. On each stream they go in the order of their dependencies.
  function schedule(stream: XdsStream): void {
    due.add(stream);
    if (scheduled) return;
    scheduled = true;
    shared(() => setImmediate(flush));
  }

  function flush(): void {
    const end = performance.now() + SLICE_MS;
    for (const stream of due) {
      due.delete(stream);
      const halt = stream.flush(end);
      if (typeof halt === "object") loads.wait(stream, halt);
      else loads.leave(stream);
      if (halt === "late") due.add(stream);
      if (performance.now() > end) break;
    }
    scheduled = due.size > 0;
    if (scheduled) setImmediate(flush);
  }

  function ended(stream: XdsStream): void {
    streams.delete(stream);
    due.delete(stream);
    loads.leave(stream);
  }

  const meter = createStreamMeter(metrics, () => performance.now());
  const context: StreamContext = { cache, encoder, observer, meter, limits, remembered: new Remembered(), schedule, ended };

  return {
    open(variant, typeUrl, wire) {
      lastId += 1;
      const stream = new XdsStream(lastId, variant, typeUrl, wire, context);
      streams.set(stream, wire);
      return stream;
    },
    streams: () => streams.keys(),
    size: () => streams.size,
    close() {
      for (const [stream, wire] of [...streams]) {
        stream.closed();
        wire.end(status.unavailable, "the server is shutting down");
      }
    },
  };
}
