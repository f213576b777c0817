export { type Address, type BootstrapOptions, bootstrapDefaults, renderBootstrap } from "./bootstrap.ts";
export { createXdsServer, type XdsServer, type XdsServerOptions, type XdsStats } from "./xds-server.ts";
