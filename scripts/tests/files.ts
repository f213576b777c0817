import { glob } from "node:fs/promises";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** `unit`: beside the file under test; needs only the sources and node_modules. `e2e`: on real parts, in `test/`. */
export type Kind = "unit" | "e2e";

/** A test file's folder decides its kind. */
export function kindOf(file: string): Kind {
  return file.startsWith("test/") ? "e2e" : "unit";
}

/** The test files of this kind, as paths below the project's folder, in order. */
export async function testFiles(kind: Kind): Promise<string[]> {
  const files: string[] = [];
  for await (const file of glob("**/*.test.ts", { cwd: ROOT, exclude: ["**/node_modules", ".weir", "dist"] })) {
    if (kindOf(file) === kind) files.push(file);
  }
  return files.sort();
}

/** Files that judge times under attack: another file beside them would be judged with them. */
export function runsAlone(file: string): boolean {
  return /^test\/(?:attack-|two-tenants)/.test(file);
}
