import type { ConfigJudge } from "../../model/config-schema.ts";
import type { Filter } from "../../model/filter.ts";
import type { Failure } from "../../model/result.ts";
import { configProblems } from "../config/fits.ts";
import { isPinned } from "../filter/look.ts";
import type { ModuleDeps } from "../resolve/module.ts";
import type { AdmissionCheck, Findings, Subject } from "./check.ts";
import type { Choose } from "./choice.ts";

export interface ImageDeps {
  readonly registry: Pick<ModuleDeps["registry"], "configSchema">;
  readonly configJudge: ConfigJudge;
}

const LATE = "spec.image: the registry did not answer in time, so it was not looked at";
/** What decides which image is meant. */
const IMAGE_FIELDS = ["image", "digest", "tagPolicy", "pullSecrets"] as const;

/**
 * The image is written as a reference, its repository has the digest that it names, and the configuration that stands in the spec fits the schema of the image. A tag may
 * be pushed later: that it is not there is a warning.
 */
export function imageCheck(choose: Choose, deps: ImageDeps): AdmissionCheck {
  return {
    fields: [...IMAGE_FIELDS, "config"],
    late: LATE,
    async judge(subject, signal): Promise<Findings> {
      const { filter, changed } = subject;
      const chosen = await choose(subject, signal);
      if (chosen === undefined) return {};
      if (!chosen.ok) {
        const isOther = IMAGE_FIELDS.some((field) => changed.has(field)) || subject.before === undefined;
        return isOther ? tell(chosen.error, filter) : {};
      }
      const { choice, options } = chosen.value;
      const configSchema = () => deps.registry.configSchema(choice.image, choice.digest, options);
      return filter.configFrom === undefined ? configFindings(subject, configSchema, deps.configJudge) : {};
    },
  };
}

async function configFindings(
  { filter }: Subject,
  configSchema: () => ReturnType<ModuleDeps["registry"]["configSchema"]>,
  judge: ConfigJudge,
): Promise<Findings> {
  const problems = await configProblems(filter, filter.settings, { configSchema }, judge);
  if (problems.ok) return { refusals: problems.value };
  const { reason, message } = problems.error;
  if (reason === "ConfigSchemaInvalid") return { refusals: [{ path: "spec.image", message }] };
  return { warnings: [reason === "Canceled" ? LATE : `spec.config: ${message}`] };
}

function tell({ reason, message }: Failure, filter: Filter): Findings {
  const path = filter.pin !== undefined && reason !== "InvalidReference" ? "spec.digest" : "spec.image";
  if (reason === "InvalidReference" || (reason === "ImageNotFound" && isPinned(filter))) return { refusals: [{ path, message }] };
  return { warnings: [reason === "Canceled" ? LATE : `${path}: ${message}`] };
}
