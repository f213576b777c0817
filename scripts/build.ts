import { chmod, copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ROOT } from "./tests/files.ts";
import { runOk } from "./tools/run.ts";

/** What a package holds besides the JavaScript: what the code reads, and what a reader of the package looks for. */
const FILES = [
  "bin/weir",
  "crds/wasmfilters.weir.dev.yaml",
  ...["bash", "fish", "zsh"].map((shell) => `cli/completion/weir.${shell}`),
  "preflight/process/boot.js",
  ...["README.md", "CHANGELOG.md", "LICENSE", "SECURITY.md"],
] as const;

/** The Node that the tests run on, which a checkout brings along. */
const NODE = ">=24";

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly [key: string]: unknown;
}

/**
 * Builds the package that npm installs: JavaScript in place of TypeScript, file by file in the same folders, since Node strips no types below
 * node_modules. `folder` is emptied first. `npm run build` makes it in `dist/package`; `npm pack ./dist/package` makes a tarball of that.
 */
export async function build(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
  await runOk(process.execPath, [tsc, "-p", join(ROOT, "tsconfig.build.json"), "--outDir", folder]);
  for (const file of FILES) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await copyFile(join(ROOT, file), join(folder, file));
  }
  await chmod(join(folder, "bin/weir"), 0o755);
  const manifest = packed(JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")) as Manifest);
  await writeFile(join(folder, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** The package's own manifest: no scripts, nothing that only a checkout needs. As `kubectl-weir` on the PATH it is a plugin of kubectl. */
function packed({ name, version, description, license, type, dependencies }: Manifest): object {
  return {
    ...{ name, version, description, license, type },
    bin: { weir: "bin/weir", "kubectl-weir": "bin/weir" },
    engines: { node: NODE },
    dependencies,
  };
}

if (import.meta.main) {
  const folder = join(ROOT, "dist/package");
  await build(folder);
  console.log(folder);
}
