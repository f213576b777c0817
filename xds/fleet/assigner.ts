import type { Notifier } from "../../base/notifier.ts";
import type { Assigner, Chain } from "../../model/delivery.ts";
import type { Digest } from "../../model/digest.ts";
import { typeUrls } from "../protocol/resource.ts";
import { differ, differs } from "./assignment.ts";
import type { Proxies } from "./proxies.ts";
import type { ProxyRecord } from "./proxy.ts";
import { type ServeDeps, serve, serveManaged } from "./serve.ts";

export interface AssignerOptions extends ServeDeps {
  readonly proxies: Proxies;
  /** Digests of modules that could not be loaded. */
  readonly missing: Notifier<Digest>;
}

/** Puts into the cache what the proxies are assigned. */
export class FleetAssigner implements Assigner {
  private readonly options: AssignerOptions;

  constructor(options: AssignerOptions) {
    this.options = options;
  }

  assign(key: string, slots: ReadonlyMap<string, Chain | "hold">): void {
    const { proxies, cache } = this.options;
    const record = proxies.get(key);
    if (record === undefined) return;
    const before = record.assigned;
    record.assigned = slots;
    if (record.lacking.size > 0) this.retry(record);
    if (before === slots || (before !== undefined && !differ(before, slots))) return;
    record.view = undefined;
    for (const ledger of record.ledgers.values()) {
      if (before === undefined || differs(before.get(ledger.slot), slots.get(ledger.slot))) serve(this.options, record, ledger);
    }
    if (before === undefined) cache.open(key, typeUrls.extensionConfig);
    serveManaged(cache, record);
  }

  forget(key: string): void {
    const { proxies, cache } = this.options;
    if (proxies.get(key)?.streams.size !== 0) return;
    proxies.delete(key);
    cache.clear(key);
  }

  onMissing(listener: (wasmDigest: Digest) => void): () => void {
    return this.options.missing.listen((digests) => {
      for (const wasmDigest of digests) listener(wasmDigest);
    });
  }

  /** Serves again what a missing module held back: the module may be there by now. */
  private retry(record: ProxyRecord): void {
    for (const name of [...record.lacking]) {
      const ledger = record.ledgers.get(name);
      if (ledger === undefined) record.lacking.delete(name);
      else serve(this.options, record, ledger);
    }
  }
}
