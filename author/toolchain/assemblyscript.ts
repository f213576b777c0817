import { readFile, realpath } from "node:fs/promises";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { fail, ok, type Result } from "../../model/result.ts";
import type { Goal } from "../project/project.ts";
import { findEntry } from "../project/sources.ts";
import { findPackage } from "./node-modules.ts";
import { ASSEMBLYSCRIPT } from "./requirements.ts";
import type { FindToolchain } from "./toolchain.ts";
import { isOlder } from "./version.ts";

const SDK = "@weir-dev/assemblyscript";

/** What the compiler hands to binaryen, which it brings: https://www.assemblyscript.org/compiler.html#optimization */
const OPTIMIZING: Readonly<Record<Goal, readonly string[]>> = {
  size: ["--optimizeLevel", "2", "--shrinkLevel", "2", "--converge"],
  speed: ["--optimizeLevel", "3", "--shrinkLevel", "0", "--converge"],
  none: ["--optimizeLevel", "0", "--shrinkLevel", "0"],
};

/** The package `assemblyscript` of the project, or the one that the SDK in it came with; it runs on the Node that runs Weir. */
export const findAssemblyScript: FindToolchain = async (project, machine) => {
  const compiler = await findCompiler(project.folder);
  if (!compiler.ok) return compiler;
  return ok({
    title: `AssemblyScript ${compiler.value.version}`,
    isOptimizing: true,
    command: async ({ project: { folder, ...rest }, output, goal, keepNames }) => {
      const entry = await findEntry({ folder, ...rest });
      if (!entry.ok) return entry;
      const config = await settingsOf(folder);
      const args = [
        ...[relative(folder, entry.value), ...config],
        ...[
          "-o",
          relative(folder, output),
          "--noColors",
          ...(goal === undefined ? [] : OPTIMIZING[goal]),
          ...(keepNames ? ["--debug"] : []),
        ],
      ];
      const { folder: at } = compiler.value;
      const main = { module: pathToFileURL(join(at, "dist/asc.js")).href, args };
      return ok({ program: process.execPath, args: [join(at, "bin/asc.js"), ...args], cwd: folder, env: machine.env, main });
    },
    read: ({ stdout, stderr }, { output }) => ({ module: output, words: `${stdout}${stderr}` }),
  });
};

async function findCompiler(folder: string): Promise<Result<{ readonly folder: string; readonly version: string }>> {
  const { atLeast, install } = ASSEMBLYSCRIPT;
  const sdk = await findPackage(SDK, folder);
  const found = (await findPackage("assemblyscript", folder)) ?? (sdk && (await findPackage("assemblyscript", await realpath(sdk))));
  if (found === undefined) return fail("NoToolchain", `the project has no AssemblyScript compiler in node_modules; ${install}`);
  const version = await versionOf(found);
  if (version === undefined) return fail("NoToolchain", `${join(found, "package.json")} does not tell the compiler's version; ${install}`);
  return isOlder(version, atLeast)
    ? fail("ToolchainTooOld", `AssemblyScript ${version} is too old; npm install --save-dev assemblyscript@${atLeast} or newer`)
    : ok({ folder: found, version });
}

async function versionOf(found: string): Promise<string | undefined> {
  try {
    const { version } = JSON.parse(await readFile(join(found, "package.json"), "utf8")) as { readonly version?: unknown };
    return typeof version === "string" ? version : undefined;
  } catch {
    return undefined;
  }
}

/** The project's `asconfig.json`, or else the SDK's: a filter needs to say where it starts. */
async function settingsOf(folder: string): Promise<readonly string[]> {
  const own = await readFile(join(folder, "asconfig.json")).catch(() => undefined);
  if (own !== undefined) return [];
  const sdk = await findPackage(SDK, folder);
  return sdk === undefined ? [] : ["--config", relative(folder, join(sdk, "asconfig.json"))];
}
