import { isThere } from "../../base/is-there.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { run } from "../process/run.ts";
import { ZIG } from "./requirements.ts";
import type { Machine } from "./toolchain.ts";
import { need } from "./version.ts";

export interface ZigProgram {
  readonly path: string;
  readonly version: string;
}

/** Prints where the package of PyPI has the program: https://pypi.org/project/ziglang/ */
const WHERE = "import os, ziglang; print(os.path.join(os.path.dirname(ziglang.__file__), 'zig'))";

/** `zig` on the PATH, or the one that pip installed. */
export async function findZigProgram(folder: string, machine: Machine): Promise<Result<ZigProgram>> {
  const onPath = await need(ZIG, folder, machine);
  if (onPath.ok) return ok({ path: "zig", version: onPath.value });
  if (onPath.error.retryable) return onPath;
  for (const python of ["python3", "python"]) {
    const ran = await run({ program: python, args: ["-c", WHERE], cwd: folder, env: machine.env }, { signal: machine.signal });
    const path = ran.ok && ran.value.code === 0 ? ran.value.stdout.trim() : "";
    if (path === "" || !(await isThere(path))) continue;
    const version = await need({ ...ZIG, program: path }, folder, machine);
    return version.ok ? ok({ path, version: version.value }) : fail(version.error.reason, version.error.message.replace(path, "ziglang"));
  }
  return onPath;
}
