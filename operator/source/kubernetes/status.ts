import { isDeepStrictEqual } from "node:util";
import { type FilterKey, filterId } from "../../../model/filter.ts";
import type { WasmFilter, WasmFilterStatus } from "../../../model/gen/wasmfilter.ts";
import type { KubeApi } from "../../../model/kube.ts";
import { fail, failForNow, ok, type Result } from "../../../model/result.ts";

const MAX_CONFLICTS = 5;

export interface StatusWriteOptions {
  readonly api: KubeApi;
  /** Path of the object. */
  readonly path: string;
  readonly key: FilterKey;
  readonly uid: string;
  /** The object as last watched. */
  readonly known: WasmFilter;
  readonly status: WasmFilterStatus;
  /** Other servers may write too. Asked before each try whether this one may, and no status but the known one is replaced. */
  readonly mayWrite?: (() => boolean) | undefined;
}

/**
 * Writes the status through the status subresource, unless it is there already. After a conflict, retries on the newest object if that is the same
 * object (uid) with the same spec (generation); a status for an older spec is not written. Returns the object as the API server has it.
 */
export async function writeStatus({ api, path, key, uid, known, status, mayWrite }: StatusWriteOptions): Promise<Result<WasmFilter>> {
  const wanted = JSON.parse(JSON.stringify(status)) as WasmFilterStatus;
  let object = known;
  for (let attempt = 0; attempt < MAX_CONFLICTS; attempt++) {
    if (object.metadata.uid !== uid) return fail("ObjectGone", `WasmFilter ${filterId(key)} was removed or replaced`);
    if (object.metadata.generation !== known.metadata.generation)
      return failForNow("ObjectChanged", `the spec of WasmFilter ${filterId(key)} changed meanwhile`);
    if (isDeepStrictEqual(object.status, wanted)) return ok(object);
    if (mayWrite?.() === false) return failForNow("NotLeading", `another server may decide about WasmFilter ${filterId(key)} by now`);
    if (mayWrite !== undefined && !isDeepStrictEqual(object.status, known.status))
      return failForNow("StatusChanged", `another server wrote the status of WasmFilter ${filterId(key)} meanwhile`);
    const written = await api.request({
      method: "PUT",
      path: `${path}/status`,
      query: { fieldManager: "weir" },
      body: { ...object, status: wanted },
    });
    if (written.ok) return ok(written.value as unknown as WasmFilter);
    if (written.error.status === 404) return fail("ObjectGone", `WasmFilter ${filterId(key)} was removed`);
    if (written.error.status !== 409) return written;
    const newest = await api.request({ path });
    if (!newest.ok) return newest.error.status === 404 ? fail("ObjectGone", `WasmFilter ${filterId(key)} was removed`) : newest;
    object = newest.value as unknown as WasmFilter;
  }
  return failForNow("Conflict", `the status of WasmFilter ${filterId(key)} is written by somebody else all the time`);
}
