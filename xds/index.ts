export { type BootstrapOptions, bootstrapDefaults, renderBootstrap } from "./envoy/bootstrap.ts";
export { type ProxyCredentials, sdsFiles } from "./envoy/bootstrap-identity.ts";
export type { Address } from "./envoy/bootstrap-parts.ts";
export { HTTP_WASM_TYPE, wasmName } from "./envoy/chain.ts";
export { renderPodProxy } from "./envoy/pod-bootstrap.ts";
export { type Authenticator, bearerOf, createAuthenticator } from "./identity/authenticator.ts";
export { nodeUri } from "./identity/certificate.ts";
export { createTokens, type LiveTokens, parseTokens } from "./identity/tokens.ts";
export { createXdsServer, type XdsServer, type XdsServerOptions } from "./server.ts";
