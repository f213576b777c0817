import type { Digest } from "../../model/digest.ts";
import type { Failure } from "../../model/result.ts";
import type { Measurements } from "../../model/verdict.ts";

/** A module that was built. */
export interface Built {
  /** Where it was written. */
  readonly module: string;
  readonly bytes: Uint8Array;
  readonly wasmDigest: Digest;
  /** By size, the largest first. */
  readonly sections: readonly { readonly name: string; readonly size: number }[];
  /** Imported functions by name, sorted, without their module prefix. */
  readonly imports: readonly string[];
  /** CPU milliseconds that each proxy spends on loading it; `undefined`: not measured, since it was not proved. */
  readonly loadMs: number | undefined;
  /** What the proof measured; `undefined`: it was not proved. */
  readonly proof: Measurements | undefined;
  /** The compiler, with its version. */
  readonly toolchain: string;
  /** The compiler's warnings. */
  readonly warnings: string;
  /** Of the whole build. */
  readonly seconds: number;
}

/** Why there is no module. What was there before is as it was. */
export interface BuildFailure extends Failure {
  /** What the compiler said: its errors with file and line. */
  readonly words?: string;
}

/** What a build does now, for people who wait. */
export type Progress =
  | { readonly step: "compile"; readonly toolchain: string }
  /** A line that the compiler wrote meanwhile. */
  | { readonly step: "line"; readonly text: string }
  | { readonly step: "optimize"; readonly goal: string }
  | { readonly step: "prove" };
