import { createHash } from "node:crypto";
import { type ProofSettings, proofId } from "../model/proof.ts";
import type { PluginSettings } from "../model/settings.ts";

/**
 * A hash over the module, the settings that a plugin can notice (not slot, priority and failure policy), how it is proved, and whose filter it is. A verdict of another
 * namespace would come at once, which tells that somebody there has this very text (from a Secret, it may be); and one that took too long because
 * that namespace kept the machine busy would hold here too.
 */
export function verdictKey(
  code: Uint8Array,
  settings: PluginSettings,
  secretConfig: boolean,
  namespace: string,
  proof: ProofSettings,
): string {
  const { type, config, configBytes = null, rootId, env, capabilities, allowOnHeadersStopIteration } = settings;
  return createHash("sha256")
    .update(code)
    .update(
      JSON.stringify([
        ...[type, config, configBytes, rootId, env, capabilities, allowOnHeadersStopIteration],
        ...[secretConfig, namespace, proofId(proof) ?? ""],
      ]),
    )
    .digest("hex");
}
