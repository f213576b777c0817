import type { FilterKey } from "../../model/filter.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import { ok } from "../../model/result.ts";
import { NO_POLICIES, type Source } from "../../operator/index.ts";
import type { LocalSlot } from "./envoy-config.ts";
import { inPlace } from "./places.ts";

/** A Secret that is in no manifest: what this user may pull with. */
const CREDENTIALS = "weir-run-credentials";

/** A folder's filters as a local proxy is to get them; all else is the folder's. `pullSecret`: what this user may pull with, beside what the manifests name. */
export function localSource(folder: Source, slots: readonly LocalSlot[], pullSecret: Buffer | undefined): Source {
  const place = (filter: WasmFilter): WasmFilter => {
    const placed = inPlace(filter, slots);
    if (pullSecret === undefined || placed.spec.image === undefined) return placed;
    return { ...placed, spec: { ...placed.spec, pullSecrets: [...(placed.spec.pullSecrets ?? []), { name: CREDENTIALS }] } };
  };
  const placed = new WeakMap<WasmFilter, WasmFilter>();
  const remembered = (filter: WasmFilter) => {
    const known = placed.get(filter) ?? place(filter);
    placed.set(filter, known);
    return known;
  };
  return {
    description: folder.description,
    start: () => folder.start(),
    stop: () => folder.stop(),
    isFollowed: () => folder.isFollowed(),
    filters: () => new Map([...folder.filters()].map(([id, filter]) => [id, remembered(filter)])),
    // What is allowed is for the fleet to say: here a filter is looked at.
    policies: () => NO_POLICIES,
    async secret(namespace, name, reading) {
      if (name !== CREDENTIALS || pullSecret === undefined) return folder.secret(namespace, name, reading);
      return ok({ data: new Map([[".dockerconfigjson", pullSecret]]), version: "1" });
    },
    configMap: (...asked) => folder.configMap(...asked),
    revisions: (key: FilterKey, uid) => folder.revisions(key, uid),
    saveRevision: (...saved) => folder.saveRevision(...saved),
    rewriteRevision: (...saved) => folder.rewriteRevision(...saved),
    deleteRevision: (...deleted) => folder.deleteRevision(...deleted),
    writeStatus: (...written) => folder.writeStatus(...written),
    writePolicyStatus: (...written) => folder.writePolicyStatus(...written),
    event: (...told) => folder.event(...told),
    announce: (id) => folder.announce(id),
    onChange: (listener) => folder.onChange(listener),
  };
}
