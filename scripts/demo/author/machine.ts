import { existsSync } from "node:fs";
import { mkdir, symlink } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { installEnvoy } from "../../tools/envoy.ts";
import { outsideNpm } from "../../tools/run.ts";
import { toolchainEnv } from "../../tools/zig.ts";

export type Environment = Readonly<Record<string, string>>;

/** What any machine has, and the scripts of npm, git and Weir use. */
const SHELL = ["sh", "env", "dirname", "readlink", "mkdir", "uname", "sed", "git", "curl"];
const NODE = ["node", "npm", "npx"];

/** The environment of a machine with Node and without Envoy, Python or a compiler: these programs are all of the PATH, and the caches are empty. */
export async function machineWithNodeOnly(folder: string): Promise<Environment> {
  const programs = join(folder, "bin");
  await mkdir(programs, { recursive: true });
  // The rest of the environment says how the network is reached.
  const { PATH = "", ENVOY: _, ...rest } = outsideNpm();
  for (const name of [...SHELL, ...NODE]) {
    const home = PATH.split(delimiter).find((place) => existsSync(join(place, name)));
    if (home !== undefined) await symlink(join(home, name), join(programs, name));
  }
  return { ...rest, PATH: programs, XDG_CACHE_HOME: join(folder, "cache"), XDG_DATA_HOME: join(folder, "data") };
}

/** The environment of this machine, with the compilers that the project's scripts install, and with Envoy. */
export async function machineWithCompilers(folder: string): Promise<Environment> {
  return { ...(await toolchainEnv()), ENVOY: await installEnvoy(), XDG_DATA_HOME: join(folder, "data") };
}
