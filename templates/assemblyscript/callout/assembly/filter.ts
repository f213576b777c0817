// Asks another service whether a request may pass. It fails closed: no answer, no passage.
// Configuration: {"cluster": "auth", "authority": "auth.local", "path": "/check", "timeoutMs": 500}. Only cluster, a cluster of the proxy, is needed.
//
// The service gets the request's authorization, its method and its path. 200 lets it pass, with the service's x-user for the app;
// 401 and 403 go to the client; anything else is a 503.
import {
  Action,
  Configuration,
  Header,
  HttpCallback,
  HttpResponse,
  httpCall,
  LogLevel,
  log,
  RootContext,
  registerPlugin,
  Status,
  StreamContext,
} from "@weir-dev/assemblyscript";

const MAX_TIMEOUT_MS = 60_000;

/** The filter with its configuration: one for each worker thread of the proxy. */
class Callout extends RootContext {
  cluster: string = "";
  authority: string = "";
  path: string = "/";
  timeoutMs: u32 = 0;

  /** False refuses the configuration: the proxy keeps what it ran before. The log says why. */
  onConfigure(configuration: string): bool {
    const config = Configuration.parse(configuration);
    this.cluster = config.string("cluster");
    this.authority = config.stringOr("authority", this.cluster);
    this.path = config.stringOr("path", "/");
    this.timeoutMs = <u32>config.integerOr("timeoutMs", 1000, 1, MAX_TIMEOUT_MS);
    return config.check();
  }

  createStream(): StreamContext {
    return new CalloutStream(this);
  }
}

/** One request and its response. */
class CalloutStream extends StreamContext {
  constructor(private root: Callout) {
    super();
  }

  onRequestHeaders(count: u32, endOfStream: bool): Action {
    // The app trusts this header: nobody but the service may set it.
    this.requestHeaders.remove("x-user");
    if (!this.ask()) {
      log(LogLevel.Error, "the service cannot be asked: is there a cluster of this name?");
      this.refuse(503, "it cannot be told whether you are allowed\n");
    }
    // The request waits for the answer.
    return Action.Pause;
  }

  refuse(status: u32, body: string): void {
    this.respond(status, body);
  }

  private ask(): bool {
    const root = this.root;
    const headers = [new Header(":method", "GET"), new Header(":path", root.path), new Header(":authority", root.authority)];
    this.pass(headers, "authorization", "authorization");
    this.pass(headers, ":method", "x-original-method");
    this.pass(headers, ":path", "x-original-path");
    return httpCall(root.cluster, headers, new Decision(this), new ArrayBuffer(0), root.timeoutMs) == Status.Ok;
  }

  private pass(headers: Header[], name: string, as: string): void {
    const value = this.requestHeaders.get(name);
    if (value !== null) headers.push(new Header(as, value));
  }
}

/** What the service says. */
class Decision extends HttpCallback {
  constructor(private stream: CalloutStream) {
    super(stream);
  }

  onResponse(response: HttpResponse): void {
    // 0: no answer came (a timeout, a broken connection, no healthy host).
    const status = response.status;
    if (status == 200) {
      const user = response.headers.get("x-user");
      if (user !== null) this.stream.requestHeaders.set("x-user", user);
      this.stream.continueRequest();
    } else if (status == 401 || status == 403) {
      this.stream.refuse(status, "not allowed\n");
    } else {
      log(LogLevel.Warn, "the service did not answer with 200, 401 or 403");
      this.stream.refuse(503, "it cannot be told whether you are allowed\n");
    }
  }
}

registerPlugin(() => new Callout());
