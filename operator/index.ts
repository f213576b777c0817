/** Watching WasmFilters, deciding what every proxy gets, and saying in the status what it really runs. */

export { createFilterAdmission } from "./admission/filter-admission.ts";
export { createConfigJudge } from "./config/judge.ts";
export { readConfigSchema } from "./config/schema.ts";
export { rejectsTarget } from "./filter/goal.ts";
export type { FilterRecord } from "./filter/record.ts";
export { revisionOf } from "./filter/revisions.ts";
export { createWaveStandings } from "./fleet/wave-standings.ts";
export { createOperator, type Operator } from "./operator.ts";
export type { OperatorOptions } from "./options.ts";
export { parseFilter, problemsOf } from "./parse/filter.ts";
export { withoutNulls } from "./parse/nulls.ts";
export { policyProblems } from "./parse/policy.ts";
export { describeProblems } from "./parse/problem.ts";
export { createPlanner } from "./plan/planner.ts";
export { type Beforehand, judgeBeforehand } from "./policy/beforehand.ts";
export { audited } from "./policy/events.ts";
export { describeViolation, permitted } from "./policy/judge.ts";
export { policyMistakes } from "./policy/mistakes.ts";
export { threshold, WaveLine } from "./rollout/wave.ts";
export { sameData } from "./source/data.ts";
export { type Assembly, configMapData, secretData } from "./source/folder/assemble.ts";
export { addMissing, cutYaml, hasMarker } from "./source/folder/document.ts";
export { applyManifest, deleteManifest, type Edited, patchManifest } from "./source/folder/edit.ts";
export { formatOf, MAX_FILE_BYTES, manifestNames, readFolder, readManifestText } from "./source/folder/files.ts";
export { createFolderSource } from "./source/folder/folder.ts";
export {
  describeForeign,
  isClusterScoped,
  type ManifestFormat,
  type ManifestObject,
  readDocuments,
  readManifest,
} from "./source/folder/manifest.ts";
export { printYaml } from "./source/folder/print.ts";
export { createKubeApi } from "./source/kubernetes/api.ts";
export { listAll } from "./source/kubernetes/pages.ts";
export { startReflector } from "./source/kubernetes/reflector.ts";
export { createRevisionStore } from "./source/kubernetes/revisions.ts";
export { createKubernetesSource } from "./source/kubernetes/source.ts";
export { NO_POLICIES } from "./source/policies.ts";
export type { FilterEvent, Source } from "./source/source.ts";
