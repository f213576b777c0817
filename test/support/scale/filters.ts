import { systemClock } from "../../../model/clock.ts";
import type { WasmFilter } from "../../../model/gen/wasmfilter.ts";
import type { Follow, KubeApi } from "../../../model/kube.ts";
import { silentLog } from "../../../model/log.ts";

/** The WasmFilters of a cluster as the API server has them, watched from outside of Weir. */
export interface Filters {
  /** `id`: namespace/name. */
  get(id: string): WasmFilter | undefined;
  /** How often a status was written. */
  writes(): number;
  stop(): Promise<void>;
}

export async function followFilters(api: KubeApi, follow: Follow): Promise<Filters> {
  const filters = new Map<string, WasmFilter>();
  let writes = 0;
  const put = (filter: WasmFilter) => {
    const id = `${filter.metadata.namespace}/${filter.metadata.name}`;
    const before = filters.get(id);
    if (before !== undefined && before.metadata.generation === filter.metadata.generation) writes += 1;
    filters.set(id, filter);
  };
  const reflector = follow({
    ...{ api, path: "/apis/weir.dev/v1alpha1/wasmfilters", clock: systemClock, log: silentLog, random: Math.random },
    onList: (objects) => {
      for (const object of objects) put(object as unknown as WasmFilter);
    },
    onEvent: (_type, object) => put(object as unknown as WasmFilter),
    onTrouble() {},
  });
  await reflector.listed;
  return { get: (id) => filters.get(id), writes: () => writes, stop: () => reflector.stop() };
}
