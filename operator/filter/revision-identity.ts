import { hash } from "node:crypto";
import { canonicalJson } from "../../base/json.ts";
import { type FilterKey, filterId } from "../../model/filter.ts";
import type { Revision } from "../../model/revision.ts";
import { changedSettings, DEFAULT_SETTINGS, type SettingName } from "../../model/settings.ts";

/** The part of a revision that makes it this one. Capabilities in force follow from the module and the settings, so they are not in it. */
export type Identified = Pick<Revision, "digest" | "wasmDigest" | "settings" | "secretConfig">;

/**
 * The identity of a revision, version 2: the filter's name, the digests, and each setting that differs from its default. A setting that is new to Weir
 * therefore changes no identity until a spec asks for it. The reference it came from (a tag) is left out, so that a tag and a pin that lead to the
 * same digest are the same revision.
 *
 *     v2:HASH                          nothing of it comes from a Secret
 *     v2:HASH:sha256:TEXTHASH          the configuration does: HASH covers the rest, TEXTHASH the text together with HASH
 *
 * The word before TEXTHASH says how that was made, so that a keyed way can come beside it: a bare hash of a text lets whoever reads it try guesses.
 */
export function revisionHash(key: FilterKey, content: Identified): string {
  const { digest, wasmDigest, settings, secretConfig } = content;
  const isSecret = secretConfig !== undefined;
  const open = isSecret ? { ...settings, config: DEFAULT_SETTINGS.config } : settings;
  const asked = changedSettings(DEFAULT_SETTINGS, open).map((name) => [name, open[name]]);
  const hashed = short(canonicalJson([filterId(key), digest, wasmDigest, Object.fromEntries(asked)]));
  return isSecret ? `v2:${hashed}:sha256:${short(canonicalJson([hashed, settings.config]))}` : `v2:${hashed}`;
}

/** Every hash that this content was ever kept under: the present one first, then those of earlier versions of Weir. */
export function knownHashes(key: FilterKey, content: Identified): readonly string[] {
  const first = versionOne(key, content);
  return first === undefined ? [revisionHash(key, content)] : [revisionHash(key, content), first];
}

/** The settings that there were in version 1, in its order. Fixed forever. */
const VERSION_ONE: readonly SettingName[] = ["type", "slot", "priority", "config", "rootId", "failurePolicy", "env", "capabilities"];

/** Version 1: a list of all settings by their position. A content with a setting that is younger than that never had such a hash. */
function versionOne(key: FilterKey, { digest, wasmDigest, settings }: Identified): string | undefined {
  if (changedSettings(DEFAULT_SETTINGS, settings).some((name) => !VERSION_ONE.includes(name))) return undefined;
  const { type, slot, priority, config, rootId, failurePolicy, env, capabilities = null } = settings;
  const variables = env.map(({ name, value }) => [name, value]);
  const parts = [filterId(key), digest, wasmDigest, type, slot, priority, config, rootId, failurePolicy, variables, capabilities];
  return short(JSON.stringify(parts));
}

function short(text: string): string {
  return hash("sha256", text).slice(0, 32);
}
