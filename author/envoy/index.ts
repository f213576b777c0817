/** A real Envoy on this machine: found or fetched, started and stopped. */
export type { Offer } from "./fetch.ts";
export { envoyVersion, type FindOptions, type FoundEnvoy, findEnvoy, ownEnvoy } from "./find.ts";
export { type Ended, type RunningEnvoy, type StartOptions, startEnvoy } from "./running.ts";
export { ENVOY_VERSIONS, type EnvoyVersion, NEWEST } from "./versions.ts";
