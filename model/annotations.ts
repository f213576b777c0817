/** On a WasmFilter. Any new value: look at the tag now, once. */
export const REFRESH = "weir.dev/refresh";

/**
 * Annotations on a WasmFilter that steer its rollout. The CLI writes them, the operator reads them.
 * A value that ends in `@GENERATION` counts for that generation of the spec only.
 */

/** `"true"`: the rollout stays at its wave. */
export const ROLLOUT_PAUSED = "weir.dev/rollout-paused";
/** `"REVISION/WAVE@GENERATION"`: this revision may leave this wave (1-based); `"REVISION@GENERATION"`: every wave. */
export const ROLLOUT_PROMOTE = "weir.dev/rollout-promote";
/** `"REVISION@GENERATION"`: this revision goes back. */
export const ROLLOUT_ABORT = "weir.dev/rollout-abort";

/** Why the object was changed last, in a person's words. */
export const CHANGE_CAUSE = "weir.dev/change-cause";
