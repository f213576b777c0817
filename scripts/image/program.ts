import { glob, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run, runOk, ToolError } from "../tools/run.ts";
import { type Entry, file } from "./tree.ts";

/** Without symbols for debugging, which for Node are an eighth. Where the machine has no `strip` (Debian: binutils), as it is, and `warn` says so. */
export async function stripped(path: string, warn: (line: string) => void): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), "weir-strip-"));
  try {
    const target = join(folder, "stripped");
    const done = await run("strip", ["-o", target, path]).catch(() => undefined);
    if (done?.code === 0) return await readFile(target);
    warn(`${path} keeps its symbols, and the image is larger by them: install strip (Debian: binutils)`);
    return await readFile(path);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/**
 * The libraries of a program and its loader, as files of the tree at the paths where the loader of this machine looks for them. `root`: a folder that packages were
 * unpacked into, whose libraries count before this machine's.
 */
export async function librariesOf(program: string, root = ""): Promise<Entry[]> {
  if (process.platform !== "linux") throw new ToolError("images are made on Linux: the libraries in them are this machine's");
  const env = root === "" ? {} : { env: { LD_LIBRARY_PATH: await libraryFolders(root) } };
  const paths = libraryPaths(await runOk("ldd", [program], env));
  return Promise.all(
    paths.map(async ({ path, isLoader }) => {
      const place = root !== "" && path.startsWith(root) ? path.slice(root.length) : path;
      return file(place.slice(1), await readFile(path), isLoader ? 0o755 : 0o644);
    }),
  );
}

/** `lib` and `usr/lib`, and in them the folders of this machine's kind, as Debian has them. */
async function libraryFolders(root: string): Promise<string> {
  const folders = await Array.fromAsync(glob(["lib/*-linux-gnu*", "usr/lib/*-linux-gnu*"], { cwd: root }));
  return folders.map((folder) => join(root, folder)).join(":");
}

interface Library {
  readonly path: string;
  readonly isLoader: boolean;
}

/** Reads `libm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x7f)` and `/lib64/ld-linux-x86-64.so.2 (0x7f)`. Throws for a library that is missing. */
export function libraryPaths(ldd: string): Library[] {
  return ldd.split("\n").flatMap((line): Library[] => {
    const [, name = "", path] = /^\s*(\S+)(?: => (not found|\S+))?/.exec(line) ?? [];
    if (path === "not found") throw new ToolError(`${name} is not on this machine; install it, then make the image`);
    if (path !== undefined) return [{ path, isLoader: false }];
    return name.startsWith("/") ? [{ path: name, isLoader: true }] : [];
  });
}
