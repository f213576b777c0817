import { FACTS, type Language } from "../project/language.ts";
import type { Project } from "../project/project.ts";
import { findAssemblyScript } from "./assemblyscript.ts";
import { findC, findCpp } from "./c.ts";
import { findGo } from "./go.ts";
import { findRust } from "./rust.ts";
import type { FindToolchain } from "./toolchain.ts";
import { findZig } from "./zig.ts";

const FINDERS: Readonly<Record<Language, FindToolchain>> = {
  assemblyscript: findAssemblyScript,
  rust: findRust,
  go: findGo,
  c: findC,
  cpp: findCpp,
  zig: findZig,
};

/** Finds the compiler of the project's language. The message of a failure begins with the language. */
export const findToolchain: FindToolchain = async (project: Project, machine) => {
  const found = await FINDERS[project.language](project, machine);
  if (found.ok || found.error.retryable) return found;
  const { title } = FACTS[project.language];
  return { ok: false, error: { ...found.error, message: `${project.name} is written in ${title}: ${found.error.message}` } };
};
