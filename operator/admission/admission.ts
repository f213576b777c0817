import { isDeepStrictEqual } from "node:util";
import { fieldsOf } from "../../base/json.ts";
import { clip, oneLine } from "../../base/text.ts";
import { ADMISSION_MS, type Admission, type AdmissionRequest, type AdmissionVerdict, type Refusal } from "../../model/admission.ts";
import { abortAfter, type Clock } from "../../model/clock.ts";
import { type CrashJournal, noCrashJournal } from "../../model/crash-journal.ts";
import { filterId } from "../../model/filter.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import type { Fields } from "../../model/kube.ts";
import type { Log } from "../../model/log.ts";
import type { Failure } from "../../model/result.ts";
import type { FilterRecord } from "../filter/record.ts";
import { withDefaults } from "../parse/defaults.ts";
import { problemsOf } from "../parse/filter.ts";
import { describeProblems } from "../parse/problem.ts";
import { wasmFilterSchema } from "../parse/schema.ts";
import { parseUnlessSetAside } from "../parse/set-aside.ts";
import type { AdmissionCheck, Findings, Subject } from "./check.ts";

export interface AdmissionOptions {
  readonly checks: readonly AdmissionCheck[];
  readonly record: (id: string) => FilterRecord | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly crashes?: CrashJournal;
}

/** The API server shows some 4 KiB of warnings, and long ones cut short: https://kubernetes.io/blog/2020/09/03/warnings/ */
const MAX_WARNINGS = 8;
const LONGEST_WARNING = 120;

const NOTHING: AdmissionVerdict = { refusals: [], message: "", warnings: [], signatures: [] };

/** Judges by a list of checks, which run at the same time; what they find is told in the order of the list. */
export function createAdmission(options: AdmissionOptions): Admission {
  const { checks, record, clock, log, crashes = noCrashJournal } = options;
  return {
    async judge({ key, object, before }: AdmissionRequest): Promise<AdmissionVerdict> {
      const changed = changedFields(object, before);
      // Labels, annotations, finalizers: nothing that is judged here.
      if (before !== undefined && changed.size === 0) return NOTHING;
      const id = filterId(key);
      const parsed = parseUnlessSetAside(object, { filter: id, spec: object.spec }, crashes);
      if (!parsed.ok) return verdictOf([{ refusals: newProblems(object, before, parsed.error) }]);
      const stored = before as unknown as WasmFilter | undefined;
      const subject: Subject = {
        ...{ filter: parsed.value, object: object as unknown as WasmFilter, changed },
        ...{ before: stored, record: stored === undefined ? undefined : record(id) },
      };
      const due = checks.filter(({ fields }) => before === undefined || fields.some((field) => changed.has(field)));
      const late = abortAfter(clock, ADMISSION_MS);
      const findings = await Promise.all(due.map((check) => inTime(check, subject, late.signal, log, id)));
      late.cancel();
      return verdictOf(findings);
    },
  };
}

/** What a check finds before the time is over. */
async function inTime(check: AdmissionCheck, subject: Subject, signal: AbortSignal, log: Log, filter: string): Promise<Findings> {
  const { promise: over, resolve } = Promise.withResolvers<Findings>();
  const end = () => resolve(check.late === undefined ? {} : { warnings: [check.late] });
  signal.addEventListener("abort", end, { once: true });
  try {
    return await Promise.race([check.judge(subject, signal), over]);
  } catch (error) {
    log.error("a check of a WasmFilter failed; it was let through", { filter, error: String(error) });
    return {};
  } finally {
    signal.removeEventListener("abort", end);
  }
}

function verdictOf(findings: readonly Findings[]): AdmissionVerdict {
  const refusals = findings.flatMap(({ refusals = [] }) => refusals);
  const warnings = findings.flatMap(({ warnings = [] }) => warnings);
  return {
    refusals,
    message: describeProblems(refusals),
    signatures: findings.flatMap(({ signatures = [] }) => signatures),
    warnings: [...new Set(warnings)].slice(0, MAX_WARNINGS).map((warning) => clip(oneLine(warning), LONGEST_WARNING)),
  };
}

/** What is wrong with an object that does not parse. What was wrong before is in nobody's way: an earlier version took it, or there was no rule against it. */
function newProblems(object: Fields, before: Fields | undefined, { reason, message }: Failure): readonly Refusal[] {
  if (reason !== "InvalidSpec") return [{ path: "", message }];
  const known = new Set(before === undefined ? [] : problemsOf(before).map((problem) => describeProblems([problem])));
  return problemsOf(object).filter((problem) => !known.has(describeProblems([problem])));
}

/** The fields of two specs that differ. */
function changedFields(object: Fields, before: Fields | undefined): ReadonlySet<string> {
  const [now, then] = [specOf(object), specOf(before)];
  const names = new Set([...Object.keys(now), ...Object.keys(then)]);
  return new Set([...names].filter((name) => !isDeepStrictEqual(now[name], then[name])));
}

function specOf(object: Fields | undefined): Fields {
  return fieldsOf(fieldsOf(withDefaults(wasmFilterSchema(), object)).spec);
}
