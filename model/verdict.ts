import type { ProofSettings } from "./proof.ts";
import type { Result } from "./result.ts";
import type { PluginSettings } from "./settings.ts";

/** What a module does wrong under traffic, by the reasons that docs/preflight.md lists. */
export interface ProofProblem {
  readonly reason: string;
  readonly message: string;
}

/** What preflight measured on a module that passed. */
export interface Measurements {
  readonly size: number;
  readonly compileMs: number;
  readonly startMs: number;
  /** CPU milliseconds that each proxy spends on loading the module; `undefined`: not measured. */
  readonly loadMs?: number | undefined;
  /** Wasm memory after start and configuration, in 64 KiB pages. */
  readonly memoryPages: number;
  /** Imported host functions, sorted, without their module prefix. */
  readonly imports: readonly string[];
  /** Exported callbacks (`proxy_on_...`) and other entry points that Envoy may call, sorted. */
  readonly exports: readonly string[];
  /** `0.1.0`, `0.2.0` or `0.2.1`. */
  readonly abi: string;
  /** What it did to the requests, for people. Empty when none was sent. */
  readonly effects: readonly string[];
  /** What fails requests, and was let through because the filter's author asked for that. */
  readonly told?: ProofProblem | undefined;
}

export interface ValidateOptions {
  /** Stops the proof. */
  readonly signal?: AbortSignal | undefined;
  /** The configuration comes from a Secret, so the verdict must not show any of it. */
  readonly secretConfig?: boolean;
  /** How to prove it. Default: `DEFAULT_PROOF`. */
  readonly proof?: ProofSettings;
  /** Whose filter it is. The proofs of one namespace never take all the places. */
  readonly namespace?: string;
  /** Nothing goes out that waits for it: it comes after all else of its namespace. */
  readonly later?: boolean;
}

/** Proves that a module loads, before any proxy sees it. Same inputs, same verdict: callers cache by digest and settings. */
export interface Preflight {
  /** Fails with `retryable` only when the signal stopped it or the prover itself failed. */
  validate(code: Uint8Array, settings: PluginSettings, options?: ValidateOptions): Promise<Result<Measurements>>;
}
