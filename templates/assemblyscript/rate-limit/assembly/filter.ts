// Lets so many requests pass in each window of time, over all worker threads of the proxy. Others are answered with 429.
// Configuration: {"requests": 100, "seconds": 1}.
// Metrics: the counter rate_limit_refused, and the gauge rate_limit_used (requests of the present window).
import {
  Action,
  Configuration,
  Counter,
  Gauge,
  Header,
  now,
  RootContext,
  registerPlugin,
  Status,
  StreamContext,
  sharedData,
} from "@weir-dev/assemblyscript";

/** Each worker thread has a memory of its own; what they share is in the proxy, under this key. */
const KEY = "window";
/** How often a worker counts again when another one was faster. */
const ATTEMPTS = 16;
const TICK_MS = 1000;
const SECOND: u64 = 1_000_000_000;
const MAX: i64 = u32.MAX_VALUE;

/** The filter with its configuration: one for each worker thread of the proxy. */
class RateLimit extends RootContext {
  requests: u32 = 0;
  seconds: u32 = 1;
  private used!: Gauge;
  private refused!: Counter;

  /** False refuses the configuration: the proxy keeps what it ran before. The log says why. */
  onConfigure(configuration: string): bool {
    const config = Configuration.parse(configuration);
    this.requests = <u32>config.integer("requests", 1, MAX);
    this.seconds = <u32>config.integerOr("seconds", 1, 1, MAX);
    if (!config.check()) return false;
    this.used = new Gauge("rate_limit_used");
    this.refused = new Counter("rate_limit_refused");
    this.setTickPeriod(TICK_MS);
    return true;
  }

  createStream(): StreamContext {
    return new RateLimitStream(this);
  }

  /** Without requests nothing counts: the gauge comes down by itself. */
  onTick(): void {
    const shared = sharedData.get(KEY);
    this.used.set(shared === null ? 0 : requestsIn(shared.bytes, this.window()));
  }

  /** Counts a request. The number that comes with the shared value (`cas`) says whether another worker changed it since; then count again. */
  take(): bool {
    const window = this.window();
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const shared = sharedData.get(KEY);
      const before: u32 = shared === null ? 0 : requestsIn(shared.bytes, window);
      if (before >= this.requests) {
        this.refused.add();
        return false;
      }
      const status = sharedData.set(KEY, encode(window, before + 1), shared === null ? 0 : shared.cas);
      if (status == Status.Ok) {
        this.used.set(before + 1);
        return true;
      }
      if (status != Status.CasMismatch) break;
    }
    // Nobody loses a request because the proxy could not count it.
    return true;
  }

  /** The number of the present window of time. */
  private window(): u64 {
    return now() / (SECOND * this.seconds);
  }
}

/** One request and its response. */
class RateLimitStream extends StreamContext {
  constructor(private root: RateLimit) {
    super();
  }

  onRequestHeaders(count: u32, endOfStream: bool): Action {
    if (this.root.take()) return Action.Continue;
    this.respond(429, "too many requests\n", [new Header("retry-after", this.root.seconds.toString())], "rate_limited");
    return Action.Pause;
  }
}

/** What is shared: the number of a window, and the requests that passed in it. */
function encode(window: u64, requests: u32): ArrayBuffer {
  const bytes = new ArrayBuffer(12);
  const view = new DataView(bytes);
  view.setUint64(0, window, true);
  view.setUint32(8, requests, true);
  return bytes;
}

/** The requests of this window: what stands there may be of one that is over. */
function requestsIn(bytes: ArrayBuffer, window: u64): u32 {
  if (bytes.byteLength != 12) return 0;
  const view = new DataView(bytes);
  return view.getUint64(0, true) == window ? view.getUint32(8, true) : 0;
}

registerPlugin(() => new RateLimit());
