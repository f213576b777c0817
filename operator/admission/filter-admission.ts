import type { Admission } from "../../model/admission.ts";
import type { Clock } from "../../model/clock.ts";
import type { CrashJournal } from "../../model/crash-journal.ts";
import type { Log } from "../../model/log.ts";
import type { FilterRecord } from "../filter/record.ts";
import { revisionsOf } from "../filter/records.ts";
import { createAdmission } from "./admission.ts";
import { admissionChecks, type CheckDeps } from "./checks.ts";

export interface FilterAdmissionOptions extends Omit<CheckDeps, "revisionsOf"> {
  /** What the operator knows of each filter. */
  readonly records: () => Iterable<FilterRecord>;
  readonly clock: Clock;
  readonly log: Log;
  readonly crashes?: CrashJournal;
}

/** Judges WasmFilters by what the operator knows and reads as a reconcile does. */
export function createFilterAdmission({ records, clock, log, crashes, ...deps }: FilterAdmissionOptions): Admission {
  return createAdmission({
    ...{ clock, log, ...(crashes === undefined ? {} : { crashes }) },
    checks: admissionChecks({ ...deps, revisionsOf: (namespace) => revisionsOf(namespace, records()) }),
    record: (id) => Iterator.from(records()).find((record) => record.id === id),
  });
}
