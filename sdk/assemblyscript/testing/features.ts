import {
  Action,
  Body,
  Counter,
  callFailure,
  callForeignFunction,
  Gauge,
  GrpcCallback,
  GrpcStatus,
  grpcCall,
  grpcStream,
  Header,
  Headers,
  Histogram,
  HttpCallback,
  HttpResponse,
  httpCall,
  JsonValue,
  LogLevel,
  log,
  logLevel,
  now,
  parseJson,
  property,
  RootContext,
  registerNamedPlugin,
  registerPlugin,
  SharedQueue,
  StreamContext,
  sharedData,
} from "@weir-dev/assemblyscript";

/** Uses all that the package offers, and says what came of it. Requests choose by their path. */
function say(line: string): void {
  log(LogLevel.Info, line);
}

class Other extends RootContext {
  onConfigure(configuration: string): bool {
    say("the wrong plugin");
    return false;
  }
}

class Features extends RootContext {
  counter!: Counter;
  gauge!: Gauge;
  histogram!: Histogram;
  queue!: SharedQueue;
  ticks: i32 = 0;

  onConfigure(configuration: string): bool {
    const json = parseJson(configuration);
    const error = json.error;
    if (error !== null) {
      log(LogLevel.Error, "configuration: " + error.toString());
      return false;
    }
    const value = json.value as JsonValue;
    say("strings " + value.string("greeting") + " " + value.strings("list").join("|") + " " + value.string("missing", "fallback"));
    say("integer " + value.integer("large").toString() + " " + value.integer("fraction", -1).toString());
    say("number " + value.number("fraction").toString() + " flag " + value.boolean("flag").toString());
    this.counter = new Counter("sdk_requests");
    this.gauge = new Gauge("sdk_gauge");
    this.histogram = new Histogram("sdk_histogram");
    this.queue = SharedQueue.register("work") as SharedQueue;
    this.setTickPeriod(20);
    return this.counter.isDefined;
  }

  onTick(): void {
    if (++this.ticks == 3) {
      say("three ticks");
      this.setTickPeriod(0);
    }
  }

  onQueueReady(queueId: u32): void {
    const value = this.queue.pop();
    if (value !== null) say("queue " + String.UTF8.decode(value) + " " + (queueId == this.queue.id).toString());
  }

  createStream(): StreamContext | null {
    return new FeaturesStream(this);
  }
}

class Asked extends HttpCallback {
  constructor(private stream: FeaturesStream) {
    super(stream);
  }

  onResponse(response: HttpResponse): void {
    say("asked " + response.isThere.toString() + " " + response.status.toString() + " " + response.body.text(0, 1));
    if (!response.isThere) say("failure told " + (callFailure().length > 0).toString());
    this.stream.requestHeaders.set("x-asked", response.status.toString());
    this.stream.continueRequest();
  }
}

class Unary extends GrpcCallback {
  constructor(private stream: FeaturesStream) {
    super(stream);
  }

  onMessage(message: Body): void {
    say("unary " + message.text());
    grpcStream("grpc", "test.Echo", "Chat", new Chat(this.stream), [new Header("x-meta", "yes")]);
  }

  onClose(status: GrpcStatus): void {
    say("unary failed " + status.toString());
    this.stream.continueRequest();
  }
}

class Chat extends GrpcCallback {
  private count: i32 = 0;

  constructor(private stream: FeaturesStream) {
    super(stream);
    this.count = 0;
  }

  onInitialMetadata(metadata: Headers): void {
    const seen = metadata.get("x-seen");
    say("initial " + (seen === null ? "nothing" : seen));
  }

  onMessage(message: Body): void {
    say("chat " + message.text());
  }

  onTrailingMetadata(metadata: Headers): void {
    const last = metadata.get("x-last");
    say("trailing " + (last === null ? "nothing" : last));
  }

  onClose(status: GrpcStatus): void {
    say("closed " + status.toString());
    this.stream.continueRequest();
  }
}

class FeaturesStream extends StreamContext {
  path: string = "";

  constructor(private root: Features) {
    super();
  }

  onRequestHeaders(count: u32, endOfStream: bool): Action {
    const path = this.requestHeaders.get(":path");
    this.path = path === null ? "" : path;
    if (this.path == "/headers") this.changeHeaders();
    if (this.path == "/state") this.keepState();
    if (this.path == "/deny") {
      this.respond(403, "not today\n", [new Header("x-why", "because")], "denied");
      return Action.Pause;
    }
    if (this.path == "/call") {
      const ask = [new Header(":method", "GET"), new Header(":path", "/asked"), new Header(":authority", "app")];
      say("call " + httpCall("app", ask, new Asked(this)).toString());
      say("call " + httpCall("nowhere", ask, new Asked(this)).toString());
      return Action.Pause;
    }
    if (this.path == "/grpc") {
      say("grpc " + grpcCall("grpc", "test.Echo", "Say", String.UTF8.encode("hi"), new Unary(this)).toString());
      return Action.Pause;
    }
    return Action.Continue;
  }

  onRequestBody(size: u32, endOfStream: bool): Action {
    if (this.path != "/body") return Action.Continue;
    return endOfStream ? this.shout() : Action.Pause;
  }

  onRequestTrailers(count: u32): Action {
    const checksum = this.requestTrailers.get("x-checksum");
    say("request trailers " + (checksum === null ? "none" : checksum));
    return this.path == "/body" ? this.shout() : Action.Continue;
  }

  /** With trailers, no callback of the body is its last. */
  private shout(): Action {
    const text = this.requestBody.text();
    say("request body " + this.requestBody.size().toString() + " " + text);
    this.requestBody.setText(text.toUpperCase());
    return Action.Continue;
  }

  onResponseHeaders(count: u32, endOfStream: bool): Action {
    if (this.path == "/rewrite") this.responseHeaders.remove("content-length");
    this.responseHeaders.add("x-path", this.path);
    return Action.Continue;
  }

  onResponseBody(size: u32, endOfStream: bool): Action {
    if (this.path != "/rewrite") return Action.Continue;
    if (!endOfStream) return Action.Pause;
    const body = this.responseBody;
    body.setText("middle");
    body.prepend(String.UTF8.encode("<"));
    body.append(String.UTF8.encode(">"));
    say("response body " + body.size().toString() + " " + String.UTF8.decode(body.bytes(1, 3)));
    return Action.Continue;
  }

  onLog(): void {
    const status = this.responseHeaders.get(":status");
    say("log " + this.path + " " + (status === null ? "none" : status) + " " + property.integer(["response", "code"]).toString());
  }

  onDelete(): void {
    say("delete " + this.path);
  }

  private changeHeaders(): void {
    const headers = this.requestHeaders;
    headers.add("x-list", "one");
    headers.add("x-list", "two");
    headers.set("x-set", "\u00e9\u{1f600}");
    headers.remove("x-gone");
    const list = headers.get("x-list");
    say("headers " + (list === null ? "" : list) + " " + headers.has("x-gone").toString() + " " + headers.has("x-set").toString());
    const all = headers.entries();
    let own = 0;
    for (let i = 0; i < all.length; i++) if (all[i].name.startsWith("x-own-")) own++;
    const bytes = headers.getBytes("x-own-a");
    say(
      "entries " + own.toString() + " " + (headers.byteSize() > 20).toString() + " " + (bytes === null ? -1 : bytes.byteLength).toString(),
    );
    all.push(new Header("x-all", "set"));
    headers.setAll(all);
  }

  private keepState(): void {
    const root = this.root;
    root.counter.add(2);
    root.gauge.set(5);
    root.gauge.add(-2);
    root.histogram.record(7);
    say("metrics " + root.counter.value().toString() + " " + root.gauge.value().toString());
    sharedData.setText("key", "first");
    const read = sharedData.get("key");
    if (read !== null) {
      say("shared " + read.text() + " " + sharedData.setText("key", "second", read.cas).toString());
      say("stale " + sharedData.setText("key", "third", read.cas).toString());
    }
    say("absent " + (sharedData.get("nothing") === null).toString());
    root.queue.push(String.UTF8.encode("job"));
    say("no queue " + (SharedQueue.find("", "nobody") === null).toString());
    const method = property.text(["request", "method"]);
    say("property " + (method === null ? "" : method) + " " + property.flag(["connection", "mtls"], true).toString());
    property.setText(["own"], "kept");
    const own = property.text(["own"]);
    say("own " + (own === null ? "" : own) + " " + (property.bytes(["nothing", "there"]) === null).toString());
    say("time " + (now() > 1600000000000000000).toString() + " random " + (Math.random() < 1.0).toString());
    say("level " + (logLevel() <= LogLevel.Info).toString() + " foreign " + (callForeignFunction("nobody") === null).toString());
    if (logLevel() < 0) trace("never", 1, 1.0);
  }
}

registerNamedPlugin("other", () => new Other());
registerPlugin(() => new Features());
