import { chmod, copyFile, cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { bundle, CEL } from "./build/bundle.ts";
import { licensesOf } from "./build/licenses.ts";
import { packLibraries } from "./libraries.ts";
import { ROOT } from "./tests/files.ts";

/** What a package holds besides the bundles: what the code reads, and what a reader of the package looks for. */
const FILES = [
  "bin/weir",
  ...["wasmfilters", "wasmpolicies"].map((kind) => `crds/${kind}.weir.dev.yaml` as const),
  ...["bash", "fish", "zsh"].map((shell) => `cli/completion/weir.${shell}`),
  "preflight/process/boot.js",
  ...["README.md", "CHANGELOG.md", "LICENSE", "SECURITY.md"],
] as const;

/** The Node that the tests run on, which a checkout brings along. */
const NODE = ">=24";

interface Manifest {
  readonly [key: string]: unknown;
}

/**
 * Builds the package that npm installs: bundles in place of the sources and of all packages that they use. `folder` is emptied first. `npm run build`
 * makes it in `dist/package`; `npm pack ./dist/package` makes a tarball of that.
 */
export async function build(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const metafiles = await bundle(folder);
  for (const file of FILES) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await copyFile(join(ROOT, file), join(folder, file));
  }
  await chmod(join(folder, "bin/weir"), 0o755);
  await cp(join(ROOT, "hub/assets"), join(folder, "hub/assets"), { recursive: true });
  // What `weir init` starts from, and the packages that new projects bring along.
  await cp(join(ROOT, "templates"), join(folder, "templates"), { recursive: true });
  await packLibraries(join(folder, "vendor"));
  await writeFile(join(folder, "THIRD-PARTY-LICENSES"), await licensesOf(metafiles));
  const manifest = packed(JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")) as Manifest);
  await writeFile(join(folder, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** The package's own manifest: no dependencies, no scripts. As `kubectl-weir` on the PATH it is a plugin of kubectl. */
function packed({ name, version, description, license, type }: Manifest): object {
  return {
    ...{ name, version, description, license, type },
    bin: { weir: "bin/weir", "kubectl-weir": "bin/weir" },
    imports: { "#cel": `./${CEL}` },
    engines: { node: NODE },
  };
}

if (import.meta.main) {
  const folder = join(ROOT, "dist/package");
  await build(folder);
  console.log(folder);
}
