import {
  Action,
  Body,
  Configuration,
  Context,
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
  JsonError,
  JsonKind,
  JsonResult,
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
  SharedValue,
  Status,
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

  started: bool = false;

  onVmStart(): bool {
    this.started = true;
    return true;
  }

  onConfigure(configuration: string): bool {
    const config = Configuration.parse(configuration);
    const limits = config.object("limits");
    const routes = config.objects("routes");
    say("texts " + config.string("greeting") + " " + config.strings("list").join("|") + " " + config.stringOr("missing", "fallback"));
    say("numbers " + config.integer("large").toString() + " " + config.number("fraction").toString() + " " + config.numberOr("none", 2.5).toString());
    say("flags " + config.boolean("flag").toString() + " " + config.booleanOr("none", true).toString() + " " + config.has("none").toString());
    say("objects " + limits.path + " " + limits.integerOr("max", 7, 1, 100).toString() + " " + routes.length.toString());
    for (let i = 0; i < routes.length; i++) if (!routes[i].string("path").startsWith("/")) routes[i].fault("path", "must begin with /");
    if (!config.check()) return false;
    this.counter = new Counter("sdk_requests");
    this.gauge = new Gauge("sdk_gauge");
    this.histogram = new Histogram("sdk_histogram");
    this.queue = SharedQueue.register("work") as SharedQueue;
    this.setTickPeriod(20);
    return this.counter.isDefined && this.started;
  }

  onDone(): bool {
    say("plugin done " + (this.done() == Status.NotFound).toString());
    return true;
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

/** Holds the response until a service has answered. */
class Late extends HttpCallback {
  onResponse(response: HttpResponse): void {
    const stream = this.context as FeaturesStream;
    stream.responseHeaders.set("x-late", response.status.toString());
    stream.continueResponse();
  }
}

/** Waits for two answers. */
class Twice extends HttpCallback {
  private answers: i32 = 0;

  onResponse(response: HttpResponse): void {
    const stream = this.context as FeaturesStream;
    stream.requestHeaders.set("x-answers", (++this.answers).toString());
    if (this.answers == 2) stream.continueRequest();
  }
}

class Unary extends GrpcCallback {
  constructor(private stream: FeaturesStream) {
    super(stream);
  }

  onMessage(message: Body): void {
    say("unary " + message.text());
    const chat = new Chat(this.stream);
    grpcStream("grpc", "test.Echo", "Chat", chat, [new Header("x-meta", "yes")]);
    say("sent " + chat.send(String.UTF8.encode("a")).toString() + " " + chat.send(String.UTF8.encode("b"), true).toString());
    const dropped = new Chat(this.stream);
    grpcStream("grpc", "test.Echo", "Chat", dropped);
    say("cancelled " + dropped.cancel().toString() + " " + dropped.close().toString());
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
    if (this.path == "/pages") say("pages " + memory.size().toString());
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
    if (this.path == "/twice") {
      const twice = new Twice(this);
      const ask = [new Header(":method", "GET"), new Header(":path", "/asked"), new Header(":authority", "app")];
      httpCall("app", ask, twice);
      httpCall("app", ask, twice);
      return Action.Pause;
    }
    if (this.path == "/leave") {
      // Nobody is there any more when the stream's messages come.
      grpcStream("grpc", "test.Echo", "Chat", new Chat(this));
      this.respond(200, "gone\n");
      return Action.Pause;
    }
    if (this.path == "/reset") {
      this.reset();
      return Action.Pause;
    }
    if (this.path == "/grpc") {
      say("grpc " + grpcCall("grpc", "test.Echo", "Say", String.UTF8.encode("hi"), new Unary(this)).toString());
      return Action.Pause;
    }
    return Action.Continue;
  }

  onRequestBody(size: u32, endOfStream: bool): Action {
    if (this.path != "/body" && this.path != "/json") return Action.Continue;
    if (this.path == "/json" && endOfStream) {
      readJson(this.requestBody.text());
      return Action.Continue;
    }
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
    if (this.path != "/late") return Action.Continue;
    const ask = [new Header(":method", "GET"), new Header(":path", "/asked"), new Header(":authority", "app")];
    return httpCall("app", ask, new Late(this)) == Status.Ok ? Action.Pause : Action.Continue;
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

  onResponseTrailers(count: u32): Action {
    const end = this.responseTrailers.get("x-end");
    say("response trailers " + (end === null ? "none" : end));
    this.responseTrailers.add("x-filter", "yes");
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
    const read: SharedValue | null = sharedData.get("key");
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
    const context: Context = root;
    say("on the plugin " + context.activate().toString() + " " + this.activate().toString());
    if (logLevel() < 0) trace("never", 1, 1.0);
  }
}

/** Others' data: what is of another kind reads as the fallback, and what is no JSON has an error. */
function readJson(text: string): void {
  const result: JsonResult = parseJson(text);
  const error: JsonError | null = result.error;
  if (error !== null) return say("no JSON " + error.offset.toString() + " " + error.toString());
  const value = result.value as JsonValue;
  say("json " + (value.kind == JsonKind.Object).toString() + " " + value.keys.join("|") + " " + value.string("text") + " " + value.strings("list").join("|"));
  say("json " + value.integer("whole").toString() + " " + value.number("part").toString() + " " + value.boolean("flag").toString());
  say("json " + value.string("none", "x") + value.integer("text", -1).toString() + value.has("text").toString() + value.list("list").length.toString());
  const whole = value.get("whole");
  if (whole !== null) say("json " + whole.isInteger().toString() + " " + whole.toInteger().toString() + " " + whole.offset.toString() + " " + whole.text);
  const flag = value.get("flag");
  if (flag !== null) say("json " + flag.flag.toString() + " " + value.items.length.toString());
}

registerNamedPlugin("other", () => new Other());
registerPlugin(() => new Features());
