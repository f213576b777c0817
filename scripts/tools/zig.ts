import { chmod } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { cached, cacheFolder, keyOf } from "../../base/cache-folder.ts";
import { outsideNpm, runOk } from "./run.ts";
import { fetchWheel, requirementOf, type Wheel } from "./wheel.ts";

/** Zig's compiler, which also compiles C and C++ to WebAssembly with a libc of its own. The checksums: Linux on x86-64 and arm64, macOS on both. */
const ZIG: Wheel = {
  name: "ziglang",
  version: "0.17.1",
  checksums: [
    "ea6cc5d87b033cf0aedfbc8f9549a908cae6c50ac31f1698188fa48a74524b54",
    "b7c5f02fccd40f89b999ee16a1f5ddced56e6182370f8affe494bcf8a28cf07e",
    "09953b6af7f64168b915180a42774f520f92d86ef6331b28e33915c7e1f0bb23",
    "4e0b4b9c02b8d0d220e9948010f860b62ff11d96abb39762eca5fa2ef3f7bc97",
  ],
  otherwise: "filters in C, C++ and Zig cannot be built here",
};

/** Says which compiler builds, for the keys of what it built. */
export const ZIG_REQUIREMENT = requirementOf(ZIG);

/** The path of `zig`, fetched the first time and kept in the cache. Throws a ToolError, one line, when it cannot be had. */
export async function installZig(): Promise<string> {
  const key = keyOf(ZIG_REQUIREMENT, process.platform, process.arch);
  const folder = await cached(`zig-${ZIG.version}-${key}`, async (draft) => {
    const zig = join(await fetchWheel(ZIG, draft), "ziglang/zig");
    await chmod(zig, 0o755);
    await runOk(zig, ["version"]);
  });
  return join(folder, "wheel/ziglang/zig");
}

/** An environment in which the compilers of all languages are found; what Zig builds of its libraries is kept. */
export async function toolchainEnv(): Promise<Record<string, string>> {
  const env = outsideNpm();
  const zig = dirname(await installZig());
  return { ...env, PATH: `${zig}${delimiter}${env.PATH}`, ZIG_GLOBAL_CACHE_DIR: join(cacheFolder(), "zig-libraries") };
}
