export { type Address, type BootstrapOptions, bootstrapDefaults, renderBootstrap } from "./envoy/bootstrap.ts";
export { createXdsServer, type XdsServer, type XdsServerOptions } from "./server.ts";
