import { createHash } from "node:crypto";
import type { PluginSettings } from "../model/settings.ts";

/** A hash over the module and the settings that a plugin can notice: not slot, priority and failure policy. */
export function verdictKey(code: Uint8Array, settings: PluginSettings, secretConfig: boolean): string {
  const { type, config, rootId, env, capabilities } = settings;
  return createHash("sha256")
    .update(code)
    .update(JSON.stringify([type, config, rootId, env, capabilities, secretConfig]))
    .digest("hex");
}
