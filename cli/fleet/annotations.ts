/** Annotations on a WasmFilter through which a person steers its rollout: `"true"`, `"REVISION/WAVE@GENERATION"` (or `"REVISION@GENERATION"`: every wave), `"REVISION@GENERATION"`. */
export const ROLLOUT_PAUSED = "weir.dev/rollout-paused";
export const ROLLOUT_PROMOTE = "weir.dev/rollout-promote";
export const ROLLOUT_ABORT = "weir.dev/rollout-abort";
