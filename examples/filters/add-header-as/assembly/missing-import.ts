// A filter that no proxy can load: it imports a host function that the proxy-wasm ABI does not have.
export * from "@solo-io/proxy-runtime/proxy";
import { registerAddHeader } from "./filter";

@external("env", "proxy_open_the_pod_bay_doors")
declare function proxy_open_the_pod_bay_doors(): u32;

registerAddHeader("status " + proxy_open_the_pod_bay_doors().toString());
