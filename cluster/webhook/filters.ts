import { isRecord } from "../../base/json.ts";
import { clip, oneLine } from "../../base/text.ts";
import type { Admission } from "../../model/admission.ts";
import { filterId } from "../../model/filter.ts";
import { API_VERSION, KIND } from "../../model/gen/wasmfilter.ts";
import type { Metrics } from "../../model/metrics.ts";
import { describeSigned, type SignedBy } from "../../model/verify.ts";
import { type Answer, type Asked, allow, type Handler, refuse } from "./review.ts";

export interface FiltersOptions {
  /** Where the API server alone asks: who else knows it may ask what registries say to the credentials of any namespace. */
  readonly path: string;
  readonly admission: Admission;
  readonly metrics: Pick<Metrics, "reviewed" | "start">;
}

const [GROUP] = API_VERSION.split("/");
/** Longest refusal, in characters. */
const MAX_MESSAGE = 4_096;

/** Says of WasmFilters what the server would make of them, before they are stored. */
export function createFilterHandler({ path, admission, metrics }: FiltersOptions): Handler {
  return {
    path,
    async answer(asked) {
      const key = { namespace: asked.namespace, name: asked.name };
      const facts = { filter: filterId(key) };
      const { object, oldObject } = asked;
      if (!isJudged(asked) || !isRecord(object)) {
        metrics.reviewed("unchanged");
        return { review: allow(asked), isRefusal: false, line: "a WasmFilter is not judged", facts };
      }
      const stop = metrics.start("review");
      const verdict = await admission.judge({ key, object, before: isRecord(oldObject) ? oldObject : undefined });
      const { refusals, warnings, signatures } = verdict;
      stop(refusals.length > 0 ? "failure" : "success");
      if (refusals.length > 0) {
        const message = clip(oneLine(verdict.message), MAX_MESSAGE);
        metrics.reviewed("refused");
        return refused(asked, message, warnings, facts);
      }
      metrics.reviewed(warnings.length > 0 ? "warned" : "allowed");
      return { review: allow(asked, { warnings, ...notes(signatures) }), isRefusal: false, line: "a WasmFilter may be stored", facts };
    },
    refused: () => metrics.reviewed("invalid"),
  };
}

/** Who signed is no warning: it is noted in the API server's audit log. */
function notes(signatures: readonly SignedBy[]): { readonly auditAnnotations?: Readonly<Record<string, string>> } {
  if (signatures.length === 0) return {};
  return { auditAnnotations: { "signed-by": clip(oneLine(signatures.map(describeSigned).join("; ")), MAX_MESSAGE) } };
}

/** What would be created or changed. One that is being deleted keeps what it has. */
function isJudged({ kind, group, subResource, operation, object }: Asked): boolean {
  if (kind !== KIND || group !== GROUP || subResource !== "") return false;
  if (operation !== "CREATE" && operation !== "UPDATE") return false;
  return isRecord(object) && isRecord(object.metadata) && (object.metadata.deletionTimestamp ?? undefined) === undefined;
}

/** 422, as the API server answers what its own rules refuse. */
function refused(asked: Asked, reason: string, warnings: readonly string[], facts: { readonly filter: string }): Answer {
  return { review: refuse(asked, 422, reason, warnings), isRefusal: true, line: "a WasmFilter is refused", facts: { ...facts, reason } };
}
