import type { Digest } from "../../model/digest.ts";
import type { Revision } from "../../model/revision.ts";
import type { FilterRecord } from "./record.ts";

/** The records of all filters, by id. */
export interface Records {
  get(id: string): FilterRecord | undefined;
  /** The records of these filters, as far as there are any. */
  of(ids: Iterable<string>): FilterRecord[];
  all(): Iterable<FilterRecord>;
  put(record: FilterRecord): void;
  remove(record: FilterRecord): void;
  /** True until the record was removed or another object of the same name took its place. */
  isCurrent(record: FilterRecord): boolean;
  /** Digests that must stay in the store: all that a kept revision may go back to. */
  digests(): ReadonlySet<Digest>;
  /** The recorded revisions of all filters of a namespace. */
  revisionsOf(namespace: string): Iterable<Revision>;
}

export function createRecords(): Records {
  const records = new Map<string, FilterRecord>();
  return {
    get: (id) => records.get(id),
    of: (ids) => Array.from(ids, (id) => records.get(id)).filter((record) => record !== undefined),
    all: () => records.values(),
    put: (record) => void records.set(record.id, record),
    remove: (record) => void (records.get(record.id) === record && records.delete(record.id)),
    isCurrent: (record) => records.get(record.id) === record,
    digests() {
      const digests = new Set<Digest>();
      for (const { revisions, unrecorded } of records.values()) {
        for (const { digest, wasmDigest } of revisions) digests.add(digest).add(wasmDigest);
        if (unrecorded !== undefined) digests.add(unrecorded.revision.digest).add(unrecorded.revision.wasmDigest);
      }
      return digests;
    },
    revisionsOf: (namespace) => revisionsOf(namespace, records.values()),
  };
}

/** The recorded revisions of those that are of this namespace. */
export function* revisionsOf(namespace: string, records: Iterable<FilterRecord>): Iterable<Revision> {
  for (const { key, revisions } of records) if (key.namespace === namespace) yield* revisions;
}
