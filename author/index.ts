/** Public entry of author/: what a filter's author does on their own machine. */
export * from "./envoy/index.ts";
export * from "./init/index.ts";
export { FACTS, LANGUAGES, type Language, type LanguageFacts } from "./project/language.ts";
export { GOALS, type Goal, PROJECT_FILE, type Project } from "./project/project.ts";
export { readProject } from "./project/read.ts";
export { isSource, listSources } from "./project/sources.ts";
export { openYaml, readYaml } from "./yaml/open.ts";
export type { Place } from "./yaml/place.ts";
