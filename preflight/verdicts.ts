import { createHash } from "node:crypto";
import type { Result } from "../model/result.ts";
import type { PluginSettings } from "../model/revision.ts";
import type { Measurements } from "../model/verdict.ts";

/** Verdicts by what they depend on: the module and what reaches it. Bounded; the least recently used goes first. */
export interface Verdicts {
  get(key: string): Result<Measurements> | undefined;
  set(key: string, verdict: Result<Measurements>): void;
}

export function createVerdicts(limit: number): Verdicts {
  const entries = new Map<string, Result<Measurements>>();
  return {
    get(key) {
      const found = entries.get(key);
      if (found !== undefined) {
        entries.delete(key);
        entries.set(key, found);
      }
      return found;
    },
    set(key, verdict) {
      entries.delete(key);
      entries.set(key, verdict);
      const [oldest] = entries.keys();
      if (entries.size > limit && oldest !== undefined) entries.delete(oldest);
    },
  };
}

/** A hash over the module and those settings that a plugin can tell apart; slot, priority and failure policy are not among them. */
export function verdictKey(code: Uint8Array, settings: PluginSettings, secretConfig: boolean): string {
  const { type, config, rootId, env, capabilities } = settings;
  return createHash("sha256")
    .update(code)
    .update(JSON.stringify([type, config, rootId, env, capabilities, secretConfig]))
    .digest("hex");
}
