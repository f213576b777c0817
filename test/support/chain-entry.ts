import type { ChainEntry } from "../../model/delivery.ts";
import { type Digest, digestOf } from "../../model/digest.ts";
import type { ModuleBytes } from "../../model/module.ts";
import { DEFAULT_SETTINGS, type PluginSettings } from "../../model/settings.ts";
import { inspectModule } from "../../preflight/index.ts";

export interface EntryOptions extends Partial<PluginSettings> {
  readonly namespace?: string;
  readonly revision?: number;
}

const modules = new Map<Digest, Uint8Array>();

/** The modules of all entries that `chainEntry` made. */
export const entryModules: ModuleBytes = {
  peek: (wasmDigest) => modules.get(wasmDigest),
  load: async (wasmDigest) => modules.get(wasmDigest),
};

/** A filter complete as the operator would hand it to the fleet: its capabilities are what the module imports and exports unless `capabilities` says otherwise. */
export function chainEntry(name: string, code: Uint8Array, options: EntryOptions = {}): ChainEntry {
  const { namespace = "shop", revision = 1, ...given } = options;
  const settings: PluginSettings = { ...DEFAULT_SETTINGS, ...given };
  const wasmDigest = digestOf(code);
  modules.set(wasmDigest, code);
  return {
    filter: { namespace, name },
    type: settings.type,
    revision,
    digest: digestOf(`manifest of ${wasmDigest}`),
    wasmDigest,
    hash: digestOf(JSON.stringify([wasmDigest, settings])),
    settings,
    capabilities: settings.capabilities ?? names(code),
  };
}

/** The names that the module imports and exports; none when it cannot be read. */
function names(code: Uint8Array): readonly string[] {
  const facts = inspectModule(code);
  return facts.ok ? facts.value.capabilities : [];
}
