import { API_VERSION } from "../../../model/gen/wasmfilter.ts";

/** Path of Weir's own kinds in an API server. */
export const GROUP = `/apis/${API_VERSION}`;
