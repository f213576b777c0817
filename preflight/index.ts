/** Public entry of preflight/: reading a module, the proxy-wasm host, and the proof that a module loads. */
export { type AbiVersion, hostFunction, hostFunctions } from "./abi/abi.ts";
export { inspectModule, type ModuleFacts } from "./abi/facts.ts";
export { type SectionSizes, sectionSizes } from "./abi/sizes.ts";
export { type CountedFunction, type CountingModule, countEntries } from "./binary/entry-counters.ts";
export { readProducers } from "./binary/producers.ts";
export { readSections, type Section } from "./binary/sections.ts";
export * from "./host/index.ts";
export { loadPlugin, preparePlugin } from "./load.ts";
export { createExaminer, createPreflight, type Examiner, type PreflightOptions, type Trial } from "./preflight.ts";
export { missingBounds } from "./process/bounds.ts";
export { type RemoteOptions, remoteProvers } from "./process/remote.ts";
export { listenProvers, type ProverServer, type ProverServerOptions } from "./process/server.ts";
