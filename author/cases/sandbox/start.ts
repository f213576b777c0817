import type { HostCall, Plugin, PluginOptions, Replies } from "../../../preflight/index.ts";
import type { Setup } from "../case.ts";
import { isRefused, SandboxFilter } from "./filter.ts";
import type { CaseReplies } from "./replies.ts";

/** Where the clock of a case stands that does not say: 2026-01-01T00:00:00Z. */
const DEFAULT_CLOCK = Date.UTC(2026, 0, 1);
/** Log lines of a case that are kept, the newest ones. */
const MAX_LINES = 10_000;

/** Refused host calls of a step that are kept. */
const MAX_REFUSED = 1000;

/** Starts the module of a sandbox for one case. */
export type StartPlugin = (options: PluginOptions) => Plugin;

/** Who hears of what the module does. */
export type Told = Pick<PluginOptions, "onCall" | "onCallback" | "onLog" | "onExports">;

/** A plugin with what a case sets up. */
export function pluginOptions(setup: Setup, replies: Replies): PluginOptions {
  const { config, rootId, env, allowOnHeadersStopIteration, clock = DEFAULT_CLOCK, patience } = setup;
  return {
    config,
    rootId,
    name: "filter",
    env,
    allowOnHeadersStopIteration,
    clock: { start: BigInt(clock) * 1_000_000n, patienceMs: patience },
    replies,
  };
}

/** Starts one filter, for a case or for a test in TypeScript. */
export function startFilter(start: StartPlugin, setup: Setup, replies: CaseReplies, { onCall, ...told }: Told = {}): SandboxFilter {
  const refused: HostCall[] = [];
  const plugin = start({
    ...pluginOptions(setup, replies),
    maxLogLines: MAX_LINES,
    maxLogLength: 64 * 1024,
    onCall(call) {
      if (isRefused(call) && refused.length < MAX_REFUSED) refused.push(call);
      onCall?.(call);
    },
    ...told,
  });
  return new SandboxFilter(plugin, replies, refused);
}
