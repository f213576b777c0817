/** Public entry of author/: what a filter's author does on their own machine. */

export { type BuildOptions, buildProject } from "./build/build.ts";
export type { BuildFailure, Built, Progress } from "./build/built.ts";
export type { Case, CaseFile } from "./cases/case.ts";
export type { CaseHost, Observed } from "./cases/observed.ts";
export { readCases } from "./cases/read/file.ts";
export { describeFailure } from "./cases/report/failure.ts";
export { renderJunit } from "./cases/report/junit.ts";
export { renderTap } from "./cases/report/tap.ts";
export { summary, type TestResult } from "./cases/result.ts";
export { runCase } from "./cases/run.ts";
export { createSandbox } from "./cases/sandbox/sandbox.ts";
export { findTests, readSuite, type TestFiles } from "./cases/suite.ts";
export * from "./envoy/index.ts";
export * from "./init/index.ts";
export { type Environment, outsideNpm } from "./process/environment.ts";
export { createResident, type Resident } from "./process/resident.ts";
export { type Command, type Ran, type RunOptions, run } from "./process/run.ts";
export { FACTS, LANGUAGES, type Language, type LanguageFacts } from "./project/language.ts";
export { GOALS, type Goal, PROJECT_FILE, type Project } from "./project/project.ts";
export { readProject } from "./project/read.ts";
export { isSource, listSources, sourceFolders } from "./project/sources.ts";
export { findToolchain } from "./toolchain/find.ts";
export type { Toolchain } from "./toolchain/toolchain.ts";
export { runTestFiles } from "./typescript/run-files.ts";
export { openYaml, readYaml } from "./yaml/open.ts";
export type { Place } from "./yaml/place.ts";
