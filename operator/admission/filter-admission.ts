import type { Admission } from "../../model/admission.ts";
import type { Clock } from "../../model/clock.ts";
import type { CrashJournal } from "../../model/crash-journal.ts";
import type { Log } from "../../model/log.ts";
import type { ModuleRegistry } from "../../model/module.ts";
import type { FilterRecord } from "../filter/record.ts";
import { revisionsOf } from "../filter/records.ts";
import { createPolicing } from "../policy/policing.ts";
import type { Source } from "../source/source.ts";
import { createAdmission } from "./admission.ts";
import { admissionChecks, type CheckDeps } from "./checks.ts";

export interface FilterAdmissionOptions extends Omit<CheckDeps, "revisionsOf" | "permits" | "source" | "registry"> {
  readonly source: CheckDeps["source"] & Pick<Source, "policies">;
  readonly registry: CheckDeps["registry"] & Pick<ModuleRegistry, "repositoryOf">;
  /** What the operator knows of each filter. */
  readonly records: () => Iterable<FilterRecord>;
  readonly clock: Clock;
  readonly log: Log;
  readonly crashes?: CrashJournal;
}

/** Judges WasmFilters by what the operator knows and reads as a reconcile does. */
export function createFilterAdmission({ records, clock, log, crashes, ...deps }: FilterAdmissionOptions): Admission {
  const { permits } = createPolicing({ ...deps, records: { all: records } });
  return createAdmission({
    ...{ clock, log, ...(crashes === undefined ? {} : { crashes }) },
    checks: admissionChecks({ ...deps, permits, revisionsOf: (namespace) => revisionsOf(namespace, records()) }),
    record: (id) => Iterator.from(records()).find((record) => record.id === id),
  });
}
