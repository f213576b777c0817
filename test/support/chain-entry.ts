import { createHash } from "node:crypto";
import type { ChainEntry } from "../../model/delivery.ts";
import type { Digest } from "../../model/digest.ts";
import { DEFAULT_SETTINGS, type PluginSettings } from "../../model/revision.ts";
import { inspectModule } from "../../preflight/index.ts";

export interface EntryOptions extends Partial<PluginSettings> {
  readonly namespace?: string;
  readonly revision?: number;
}

/** A filter complete as the operator would hand it to the fleet: its capabilities are what the module imports and exports unless `capabilities` says otherwise. */
export function chainEntry(name: string, code: Uint8Array, options: EntryOptions = {}): ChainEntry {
  const { namespace = "shop", revision = 1, ...given } = options;
  const settings: PluginSettings = { ...DEFAULT_SETTINGS, ...given };
  const wasmDigest = sha256(code);
  return {
    filter: { namespace, name },
    type: settings.type,
    revision,
    digest: sha256(`manifest of ${wasmDigest}`),
    wasmDigest,
    hash: sha256(JSON.stringify([wasmDigest, settings])),
    settings,
    capabilities: settings.capabilities ?? names(code),
    code,
  };
}

function sha256(content: string | Uint8Array): Digest {
  return `sha256:${createHash("sha256").update(content).digest("hex")}`;
}

/** What the module imports and exports; nothing for what is no module at all. */
function names(code: Uint8Array): readonly string[] {
  const facts = inspectModule(code);
  return facts.ok ? facts.value.capabilities : [];
}
