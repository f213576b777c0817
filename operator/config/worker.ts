import { parentPort } from "node:worker_threads";
import { type Misfit, misfitsOf } from "./fit.ts";
import { readConfigSchema } from "./schema.ts";

/** A configuration to judge, as texts. */
export interface JudgeRequest {
  readonly schema: string;
  readonly config: string;
}

/** `invalid`: what the schema is; `text`: the configuration is no JSON. */
export type JudgeAnswer = { readonly misfits: readonly Misfit[] } | { readonly invalid: string } | { readonly text: true };

export const READY = "ready";

function judge({ schema, config }: JudgeRequest): JudgeAnswer {
  const read = readConfigSchema(schema);
  if (!read.ok) return { invalid: read.error.message };
  let value: unknown;
  try {
    value = config === "" ? {} : JSON.parse(config);
  } catch {
    return { text: true };
  }
  try {
    return { misfits: misfitsOf(read.value, value) };
  } catch {
    // A reference to nothing, one to itself, or a keyword of a wrong type.
    return { invalid: "refers to what it does not have, or has a keyword of a wrong type" };
  }
}

parentPort?.on("message", (request: JudgeRequest) => parentPort?.postMessage(judge(request)));
parentPort?.postMessage(READY);
