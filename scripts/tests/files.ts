import { glob } from "node:fs/promises";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** What Node compiles for unit tests, for the next process: each file runs in one of its own, and most load the same modules. */
export const COMPILE_CACHE = `${ROOT}.weir/compile-cache`;

/** `unit`: beside the file under test; needs only the sources and node_modules. `e2e`: on real parts, in `test/`. */
export type Kind = "unit" | "e2e";

/** A test file's folder decides its kind. */
export function kindOf(file: string): Kind {
  return file.startsWith("test/") ? "e2e" : "unit";
}

/** The test files of this kind, as paths below the project's folder, in order. Those of templates run in the projects that are made of them. */
export async function testFiles(kind: Kind): Promise<string[]> {
  const files: string[] = [];
  for await (const file of glob("**/*.test.ts", { cwd: ROOT, exclude: ["**/node_modules", ".weir", "dist", "templates"] })) {
    if (kindOf(file) === kind) files.push(file);
  }
  return files.sort();
}

/** `together`: beside others. `alone`: judges times, under attack or of a module's load, and another file beside it would be judged with it. `cluster`: runs a cluster of its own, as heavy as many tests. */
export type Group = "together" | "alone" | "cluster";

export function groupOf(file: string): Group {
  if (/^test\/(?:attack-|preflight-load|two-tenants)/.test(file)) return "alone";
  return file.startsWith("test/cluster-") ? "cluster" : "together";
}
