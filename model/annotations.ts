/**
 * Annotations on a WasmFilter by which a person steers its rollout. The CLI writes them, the operator reads them.
 * `@GENERATION`, where it stands, ties the wish to one generation of the spec.
 */

/** `"true"`: the rollout stays at its wave. */
export const ROLLOUT_PAUSED = "weir.dev/rollout-paused";
/** `"REVISION/WAVE@GENERATION"`: this revision may leave this wave (1-based); `"REVISION@GENERATION"`: every wave. */
export const ROLLOUT_PROMOTE = "weir.dev/rollout-promote";
/** `"REVISION@GENERATION"`: this revision goes back. */
export const ROLLOUT_ABORT = "weir.dev/rollout-abort";
