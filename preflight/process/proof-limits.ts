import type { ProofBounds } from "./bounds.ts";
import type { ProofLimits } from "./proof.ts";

/** What modules may be, and how long their proofs may take. */
export interface LimitOptions {
  /** Bytes of the largest module. */
  readonly maxModuleBytes: number;
  /** Memory that a module may take, in pages of 64 KiB. */
  readonly maxMemoryPages: number;
  /** CPU milliseconds that a module may take to load on a proxy. */
  readonly maxLoadMs: number;
  readonly phaseMs?: Partial<ProofLimits["phaseMs"]> | undefined;
  /** Resident memory that all provers together may take, in MiB. Default: no bound. */
  readonly memoryMb?: number | undefined;
}

/** The bounds that follow from `LimitOptions`. */
export interface Limits {
  /** Of a process that is started before its module is known. */
  readonly bounds: ProofBounds;
  /** Of the proof of a module of so many bytes. */
  of(bytes: number): ProofLimits;
}

export const MODULE_DEFAULTS = {
  maxModuleBytes: 64 * 1024 * 1024,
  maxMemoryPages: 2048,
  maxLoadMs: 20_000,
};

const PHASE_MS = { read: 10_000, compile: 60_000, start: 5000, configure: 5000, traffic: 5000 };

/** Heap of a prover, in MiB, for its own JavaScript and all that a module makes V8 keep. */
const HEAP_MB = 128;
/** What a prover takes besides heap and the module's memory: Node itself, the bytes that the host keeps, code. */
const RESIDENT_BASE_MB = 320;
/** For each byte of a module: it is there three times, beside what the compiler makes of it. */
const RESIDENT_PER_BYTE = 8;
/** CPU seconds of a proof besides loading: reading, starting, traffic. */
const CPU_BASE_S = 60;

export function limitsOf({
  maxModuleBytes,
  maxMemoryPages,
  maxLoadMs,
  phaseMs,
  memoryMb = Number.POSITIVE_INFINITY,
}: LimitOptions): Limits {
  // V8 stops a memory at twice the limit; a second one is refused.
  const fixedMb = RESIDENT_BASE_MB + HEAP_MB + Math.min(maxMemoryPages, 8192) / 8;
  const residentMb = (bytes: number) => Math.ceil(fixedMb + (RESIDENT_PER_BYTE * bytes) / 1024 ** 2);
  const cpuSeconds = CPU_BASE_S + Math.ceil(maxLoadMs / 1000);
  return {
    // The kernel counts what is writable, used or not, and so has the wider bound.
    bounds: { heapMb: HEAP_MB, residentMb: residentMb(maxModuleBytes), cpuSeconds },
    of: (bytes) => ({ phaseMs: { ...PHASE_MS, ...phaseMs }, maxLoadMs, residentMb: Math.min(memoryMb, residentMb(bytes)) }),
  };
}
