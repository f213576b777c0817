// Adds the header x-hello to every response. The configuration is its value; without one it is "world".
import { Action, LogLevel, log, RootContext, registerPlugin, StreamContext } from "@weir-dev/assemblyscript";

/** The filter with its configuration: one for each worker thread of the proxy. */
class Hello extends RootContext {
  value: string = "world";

  /** False refuses the configuration: the proxy keeps what it ran before. The log says why. */
  onConfigure(configuration: string): bool {
    if (configuration.length == 0) return true;
    if (!isHeaderValue(configuration)) {
      log(LogLevel.Error, "configuration: the value of a header has no line breaks and no other control characters");
      return false;
    }
    this.value = configuration;
    return true;
  }

  createStream(): StreamContext {
    return new HelloStream(this);
  }
}

/** One request and its response. */
class HelloStream extends StreamContext {
  constructor(private root: Hello) {
    super();
  }

  onResponseHeaders(count: u32, endOfStream: bool): Action {
    this.responseHeaders.add("x-hello", this.root.value);
    return Action.Continue;
  }
}

/** Line breaks and other control characters in a header would let a value forge headers of its own. */
function isHeaderValue(text: string): bool {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if ((c < 0x20 && c != 0x09) || c == 0x7f) return false;
  }
  return true;
}

registerPlugin(() => new Hello());
