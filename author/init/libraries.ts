import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { fail, ok, type Result } from "../../model/result.ts";

/** Where a package of Weir has the packages that new projects bring along, and what a checkout makes them with. */
const PACKED = fileURLToPath(new URL("../../vendor/", import.meta.url));
const PACK = fileURLToPath(new URL("../../scripts/libraries.ts", import.meta.url));
const PACK_MS = 120_000;

/** One of Weir's own npm packages, packed. */
export interface Library {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly engines?: Readonly<Record<string, string>>;
  /** The name of the tarball. */
  readonly file: string;
  /** As a lockfile has it: `sha512-...`. */
  readonly integrity: string;
}

export interface PackedLibrary extends Library {
  readonly bytes: Uint8Array;
}

/** The list of the libraries, in the folder of their tarballs. */
export const LIST = "libraries.json";

/** What projects in AssemblyScript are built and tested with, as long as npm has none of it. */
export async function packedLibraries(): Promise<Result<readonly PackedLibrary[]>> {
  if (existsSync(PACKED)) return ok(await readLibraries(PACKED));
  const folder = await mkdtemp(join(tmpdir(), "weir-libraries-"));
  try {
    await promisify(execFile)(process.execPath, ["--disable-warning=ExperimentalWarning", PACK, folder], { timeout: PACK_MS });
    return ok(await readLibraries(folder));
  } catch (error) {
    const words = (error as { readonly stderr?: string }).stderr?.trim().split("\n").at(-1) ?? String(error);
    return fail("NotPacked", `this checkout's packages for filters cannot be packed: ${words}; run npm ci in the checkout`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function readLibraries(folder: string): Promise<readonly PackedLibrary[]> {
  const libraries = JSON.parse(await readFile(join(folder, LIST), "utf8")) as readonly Library[];
  return Promise.all(libraries.map(async (library) => ({ ...library, bytes: await readFile(join(folder, library.file)) })));
}
