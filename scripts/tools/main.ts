import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** True when the module with this `import.meta.url` is the program, not an import of it. */
export function isMain(moduleUrl: string): boolean {
  const program = process.argv[1];
  return program !== undefined && realpathSync(program) === fileURLToPath(moduleUrl);
}
