import type { ChainEntry } from "../../model/delivery.ts";
import type { Digest } from "../../model/digest.ts";
import type { PluginSettings } from "../../model/revision.ts";

/** A chain entry for unit tests: `code` need not be a module. */
export function entryFixture(name: string, settings: Partial<PluginSettings> = {}, code: Uint8Array = Buffer.from("code")): ChainEntry {
  const digest: Digest = `sha256:${"0".repeat(64)}`;
  const complete: PluginSettings = {
    type: "HTTP",
    slot: "default",
    priority: 0,
    config: "",
    rootId: "",
    failurePolicy: "Reload",
    env: [],
    capabilities: undefined,
    ...settings,
  };
  return {
    filter: { namespace: "shop", name },
    type: complete.type,
    revision: 1,
    digest,
    wasmDigest: digest,
    hash: JSON.stringify([name, complete]),
    settings: complete,
    capabilities: complete.capabilities ?? ["proxy_log", "proxy_on_request_headers"],
    code,
  };
}
