export { type AbiVersion, hostFunction, hostFunctions } from "./abi.ts";
export { inspectModule, type ModuleFacts } from "./facts.ts";
export { createPreflight, type Examination, examine, type PreflightOptions } from "./preflight.ts";
