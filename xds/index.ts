export { type Address, type BootstrapOptions, bootstrapDefaults, renderBootstrap } from "./bootstrap.ts";
