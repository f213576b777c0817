import { ok, type Result } from "../../../model/result.ts";
import { type HostCall, type Plugin, type PluginOptions, preparePlugin } from "../../../preflight/index.ts";
import type { CalloutRule } from "../callout.ts";
import type { Setup } from "../case.ts";
import type { CaseHost } from "../observed.ts";
import { SandboxFilter } from "./filter.ts";
import { createReplies } from "./replies.ts";

/** Where the clock of a case stands that does not say: 2026-01-01T00:00:00Z. */
export const DEFAULT_CLOCK = Date.UTC(2026, 0, 1);
/** Log lines of a case that are kept, the newest ones. */
const MAX_LINES = 10_000;

/** Starts the module of a sandbox for one case. */
export type StartPlugin = (options: PluginOptions) => Plugin;

/**
 * The place where cases run in this process: the very host that the server proves modules with. Time stands still and moves as the case says.
 * Fails where Envoy could not load the module at all. A callback that never returns blocks this thread.
 */
export function createSandbox(module: Uint8Array, onCall?: (call: HostCall) => void): Result<CaseHost> {
  const prepared = preparePlugin(module);
  if (!prepared.ok) return prepared;
  const start = prepared.value;
  return ok({
    name: "the sandbox",
    cannot: () => undefined,
    start: async (setup, callouts) => startFilter(start, setup, callouts, onCall),
  });
}

/** Starts one filter, for a case or for a test in TypeScript. */
export function startFilter(
  start: StartPlugin,
  setup: Setup,
  callouts: readonly CalloutRule[],
  onCall?: (call: HostCall) => void,
): SandboxFilter {
  const replies = createReplies(callouts);
  const calls: HostCall[] = [];
  const plugin = start({
    config: setup.config,
    rootId: setup.rootId,
    name: "filter",
    env: setup.env,
    allowOnHeadersStopIteration: setup.allowOnHeadersStopIteration,
    clock: { start: BigInt(setup.clock ?? DEFAULT_CLOCK) * 1_000_000n, patienceMs: setup.patience },
    maxLogLines: MAX_LINES,
    maxLogLength: 64 * 1024,
    replies,
    onCall(call) {
      calls.push(call);
      onCall?.(call);
    },
  });
  return new SandboxFilter(plugin, replies, calls);
}
