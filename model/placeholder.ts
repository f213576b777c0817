import type { ChainEntry } from "./delivery.ts";
import { type Digest, digestOf } from "./digest.ts";
import { type FilterKey, filterId } from "./filter.ts";
import { changedSettings, DEFAULT_SETTINGS, type PluginSettings } from "./settings.ts";

/** sha256 of the plugin that stands in for a filter which is not there. Its bytes are in xds/envoy/placeholder.ts. */
export const PLACEHOLDER_DIGEST: Digest = "sha256:d6071df746e08f4a5df3772e02c9ca19dddc1419071ec829e7ab2fa85a9e0e57";

/** The host functions that it calls. */
const CAPABILITIES = ["proxy_get_buffer_bytes", "proxy_send_local_response", "proxy_close_stream"];

/**
 * What stands in the place of a filter with `whenMissing: Closed` that is not there: it answers every request with 503 (a network filter: it closes every
 * connection). `settings`: the filter's; only what says where it stands and for which requests is taken over, so nothing of its configuration is in it.
 */
export function placeholder(filter: FilterKey, settings: PluginSettings, stands: NonNullable<ChainEntry["placeholder"]>): ChainEntry {
  const { type, slot, priority, match } = settings;
  const own: PluginSettings = { ...DEFAULT_SETTINGS, type, slot, priority, match, failurePolicy: "Closed", config: filterId(filter) };
  const content = changedSettings(own, DEFAULT_SETTINGS).map((name) => [name, own[name]]);
  return {
    filter,
    type,
    revision: 0,
    digest: PLACEHOLDER_DIGEST,
    wasmDigest: PLACEHOLDER_DIGEST,
    hash: digestOf(JSON.stringify([PLACEHOLDER_DIGEST, content])),
    settings: own,
    capabilities: CAPABILITIES,
    placeholder: stands,
  };
}
