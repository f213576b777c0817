import type { Result } from "./result.ts";
import type { PluginSettings } from "./settings.ts";

/** What preflight measured on a module that passed. */
export interface Measurements {
  readonly size: number;
  readonly compileMs: number;
  readonly startMs: number;
  /** Wasm memory after start and configuration, in 64 KiB pages. */
  readonly memoryPages: number;
  /** Imported host functions, sorted, without their module prefix. */
  readonly imports: readonly string[];
  /** Exported callbacks (`proxy_on_...`) and other entry points that Envoy may call, sorted. */
  readonly exports: readonly string[];
  /** `0.1.0`, `0.2.0` or `0.2.1`. */
  readonly abi: string;
  /** What it did to the synthetic requests, for people. Empty when none was sent. */
  readonly effects: readonly string[];
}

/** Proves that a module loads, before any proxy sees it. Same inputs, same verdict: callers cache by digest and settings. */
export interface Preflight {
  /**
   * `secretConfig`: the configuration comes from a Secret, so the verdict must not show any of it.
   * Fails with `retryable` only when the signal stopped it or the sandbox itself failed.
   */
  validate(code: Uint8Array, settings: PluginSettings, signal?: AbortSignal, secretConfig?: boolean): Promise<Result<Measurements>>;
}
