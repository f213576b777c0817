/**
 * Parts of Node that few modules need, loaded when one does. Every prover would pay for them at its start: 4 ms of CPU for crypto, 2 for zlib.
 * https://nodejs.org/api/process.html#processgetbuiltinmoduleid
 */
export const nodeCrypto = (): typeof import("node:crypto") => process.getBuiltinModule("node:crypto");
export const nodeZlib = (): typeof import("node:zlib") => process.getBuiltinModule("node:zlib");
