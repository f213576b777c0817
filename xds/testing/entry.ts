import type { ChainEntry } from "../../model/delivery.ts";
import type { Digest } from "../../model/digest.ts";
import { DEFAULT_SETTINGS, type PluginSettings } from "../../model/settings.ts";

const digest: Digest = `sha256:${"0".repeat(64)}`;

/** What `entryFixture`s are encoded with: `code` need not be a module. */
export function codeFixture(code: Uint8Array = Buffer.from("code")): ReadonlyMap<Digest, Uint8Array> {
  return new Map([[digest, code]]);
}

/** A chain entry for unit tests. */
export function entryFixture(name: string, given: Partial<PluginSettings> = {}): ChainEntry {
  const settings: PluginSettings = { ...DEFAULT_SETTINGS, ...given };
  return {
    filter: { namespace: "shop", name },
    type: settings.type,
    revision: 1,
    digest,
    wasmDigest: digest,
    hash: JSON.stringify([name, settings]),
    settings,
    capabilities: settings.capabilities ?? ["proxy_log", "proxy_on_request_headers"],
  };
}
