import { glob, stat } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { kindOf } from "../../base/error.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import type { CaseFile } from "./case.ts";
import { readCases, type SetupDefaults } from "./read/file.ts";

/** The test files of a project. */
export interface TestFiles {
  /** Cases: `*.weir.yaml`. */
  readonly cases: readonly string[];
  /** Tests of node:test: `*.test.ts` and the like. */
  readonly scripts: readonly string[];
}

const CASES = /\.weir\.ya?ml$/;
const SCRIPTS = /\.test\.[cm]?[jt]s$/;
const MAX_FILES = 1000;

/** The files that are named, or else all in the folder `tests`. */
export async function findTests(folder: string, named: readonly string[]): Promise<Result<TestFiles>> {
  const paths = named.length > 0 ? named.map((name) => resolve(name)) : await listTests(join(folder, "tests"));
  if (paths.length > MAX_FILES)
    return fail("TooManyTests", `there are ${paths.length} test files; the limit is ${MAX_FILES}: name some of them`);
  for (const path of named) {
    if (!CASES.test(path) && !SCRIPTS.test(path))
      return fail("NoTest", `${path} is no test; cases are in NAME.weir.yaml, tests in TypeScript in NAME.test.ts`);
    const found = await stat(path).catch(() => undefined);
    if (found === undefined) return fail("NoTest", `there is no file ${path}`);
    if (!found.isFile()) return fail("NoTest", `${path} is ${kindOf(found)}, and no file; name a file of tests`);
  }
  const files = { cases: paths.filter((path) => CASES.test(path)), scripts: paths.filter((path) => SCRIPTS.test(path)) };
  if (paths.length > 0) return ok(files);
  return fail(
    "NoTest",
    `there are no tests in ${relative(process.cwd(), join(folder, "tests")) || "tests"}; write one as tests/NAME.weir.yaml or tests/NAME.test.ts`,
  );
}

async function listTests(folder: string): Promise<string[]> {
  const names = await Array.fromAsync(glob("*", { cwd: folder }));
  return names
    .filter((name) => CASES.test(name) || SCRIPTS.test(name))
    .sort()
    .map((name) => join(folder, name));
}

/** Reads all files before anything runs; the first thing that is wrong in them is the failure. Messages name them as seen from the working directory. */
export async function readSuite(files: readonly string[], defaults: SetupDefaults): Promise<Result<readonly CaseFile[]>> {
  const read: CaseFile[] = [];
  for (const path of files) {
    const file = await readCases(path, relative(process.cwd(), path), defaults);
    if (!file.ok) return file;
    read.push(file.value);
  }
  return ok(read);
}
