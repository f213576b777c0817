import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { cached, keyOf } from "../../base/cache-folder.ts";
import { needGo } from "./machine.ts";
import { outsideNpm, runOk, ToolError } from "./run.ts";

/** Files of a Go module that hold no code: CRDs, and what the project's own tests expect its control plane to print. */
export interface GoFiles {
  readonly module: string;
  readonly version: string;
  /** Of the module, as go.sum has it: Go's own check of what it downloads is not ours to rely on. */
  readonly sum: string;
  /** Paths in the module. Their base names differ. */
  readonly files: readonly string[];
}

/**
 * A folder with these files, each under its base name, fetched from the Go module proxy the first time and kept in the cache.
 * Throws a ToolError, one line, when the module cannot be had or is another one.
 */
export function installGoFiles({ module, version, sum, files }: GoFiles): Promise<string> {
  const key = keyOf(module, version, sum, ...files);
  return cached(`files-${basename(module)}-${version}-${key}`, async (draft) => {
    await needGo(draft);
    const { Dir, Sum } = await download(`${module}@${version}`);
    if (Sum !== sum) throw new ToolError(`${module} ${version} has the checksum ${Sum}, not ${sum}: do not use it`);
    for (const file of files) await copyFile(join(Dir, file), join(draft, basename(file)));
  });
}

/** `go mod download` outside any module. https://go.dev/ref/mod#go-mod-download */
async function download(moduleAtVersion: string): Promise<{ readonly Dir: string; readonly Sum: string }> {
  const cwd = await mkdtemp(join(tmpdir(), "weir-go-"));
  try {
    return JSON.parse(
      await runOk("go", ["mod", "download", "-json", moduleAtVersion], { cwd, env: { ...outsideNpm(), GOFLAGS: "-mod=mod" } }),
    );
  } finally {
    await rm(cwd, { recursive: true });
  }
}
