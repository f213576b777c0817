// Adds one header to every response. Configuration, all of it optional: {"header": "x-weir", "value": "v1"}.
import { Context, FilterHeadersStatusValues, log, LogLevelValues, registerRootContext, RootContext, stream_context } from "@solo-io/proxy-runtime";
import { BufferTypeValues, get_buffer_bytes } from "@solo-io/proxy-runtime/runtime";
import { isObject, stringField } from "./json";

const DEFAULT_HEADER = "x-weir";
let defaultValue = "";

class AddHeaderRoot extends RootContext {
  header: string = DEFAULT_HEADER;
  value: string = defaultValue;

  createContext(context_id: u32): Context {
    return new AddHeader(context_id, this);
  }

  // False refuses the configuration; the proxy then keeps what it ran before.
  onConfigure(size: u32): bool {
    if (size > 0) {
      // Not super.onConfigure: it gives the host `size` where the ABI wants an address, and so reads nothing when the root id is empty.
      const configuration = String.UTF8.decode(get_buffer_bytes(BufferTypeValues.PluginConfiguration, 0, size));
      if (!isObject(configuration)) {
        log(LogLevelValues.critical, "add-header: the configuration is not a JSON object");
        return false;
      }
      this.header = stringField(configuration, "header", DEFAULT_HEADER);
      this.value = stringField(configuration, "value", defaultValue);
    }
    log(LogLevelValues.info, "add-header: adding " + this.header + ": " + this.value);
    return true;
  }
}

class AddHeader extends Context {
  constructor(context_id: u32, private root: AddHeaderRoot) {
    super(context_id, root);
  }

  onResponseHeaders(count: u32, end_of_stream: bool): FilterHeadersStatusValues {
    stream_context.headers.response.add(this.root.header, this.root.value);
    return FilterHeadersStatusValues.Continue;
  }
}

export function registerAddHeader(value: string): void {
  defaultValue = value;
  registerRootContext((context_id: u32) => { return new AddHeaderRoot(context_id); }, "");
}
