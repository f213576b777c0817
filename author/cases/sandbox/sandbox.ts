import { ok, type Result } from "../../../model/result.ts";
import { preparePlugin } from "../../../preflight/index.ts";
import type { CaseHost } from "../observed.ts";
import { createReplies } from "./replies.ts";
import { startFilter, type Told } from "./start.ts";

/**
 * The place where cases run in this process: the very host that the server proves modules with. Time stands still and moves as the case says.
 * Fails where Envoy could not load the module at all. A callback that never returns blocks this thread.
 */
export function createSandbox(module: Uint8Array, told: Told = {}): Result<CaseHost> {
  const prepared = preparePlugin(module);
  if (!prepared.ok) return prepared;
  const start = prepared.value;
  return ok({
    name: "the sandbox",
    cannot: () => undefined,
    start: async (setup, callouts) => startFilter(start, setup, createReplies(callouts), told),
  });
}
