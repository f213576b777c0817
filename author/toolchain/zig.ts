import { relative } from "node:path";
import { ok } from "../../model/result.ts";
import type { Goal } from "../project/project.ts";
import { findEntry } from "../project/sources.ts";
import type { FindToolchain } from "./toolchain.ts";
import { findZigProgram } from "./zig-program.ts";

const MODES: Readonly<Record<Goal, string>> = { size: "ReleaseSmall", speed: "ReleaseFast", none: "ReleaseSmall" };

/** Zig itself, without an operating system: what is exported is what the proxy calls. */
export const findZig: FindToolchain = async (project, machine) => {
  const zig = await findZigProgram(project.folder, machine);
  if (!zig.ok) return zig;
  return ok({
    title: `Zig ${zig.value.version}`,
    isOptimizing: false,
    command: async ({ project: found, output, goal, keepNames }) => {
      const entry = await findEntry(found);
      if (!entry.ok) return entry;
      const args = [
        ...["build-exe", "-target", "wasm32-freestanding", "-O", MODES[goal ?? "none"], "-fno-entry", "-rdynamic", "--stack", "65536"],
        ...[keepNames ? "-fno-strip" : "-fstrip", relative(found.folder, entry.value), `-femit-bin=${relative(found.folder, output)}`],
      ];
      return ok({ program: zig.value.path, args, cwd: found.folder, env: machine.env });
    },
    read: ({ stderr }, { output }) => ({ module: output, words: stderr }),
  });
};
