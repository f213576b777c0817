import { randomUUID } from "node:crypto";
import { mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { messageOf, whyUnread } from "../../base/error.ts";
import { isThere } from "../../base/is-there.ts";
import { makeFolder } from "../../base/make-folder.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { PROJECT_FILE } from "../project/project.ts";

/** What a new folder is to hold: contents by paths, with `/`. */
export type Contents = ReadonlyMap<string, string | Uint8Array>;

/** Fails when the folder is there and holds something. */
export async function checkFree(folder: string): Promise<Result<void>> {
  const entries = await entriesOf(folder);
  if (!entries.ok || entries.value === undefined) return entries.ok ? ok(undefined) : entries;
  const [first] = entries.value;
  return first === undefined
    ? ok(undefined)
    : fail("NotEmpty", `${folder} is not empty: it holds ${first}; choose a folder that is not there yet`);
}

/**
 * Writes a new folder. It appears whole: everything is written beside it first, and then renamed. Into a folder that is there and empty (as `.` is)
 * its entries are renamed one by one, `weir.yaml` last: without that it is no project. When `signal` says so, and when something fails, nothing is left.
 */
export async function writeFolder(folder: string, contents: Contents, signal: AbortSignal): Promise<Result<void>> {
  const free = await checkFree(folder);
  if (!free.ok) return free;
  const hasFolder = await isThere(folder);
  const draft = join(hasFolder ? folder : dirname(folder), `.weir-init-${randomUUID()}`);
  try {
    await makeFolder(dirname(draft));
    await mkdir(draft);
    await write(draft, contents, signal);
    if (signal.aborted) return fail("Stopped", "stopped; nothing was written");
    if (hasFolder) await moveEntries(draft, folder);
    else await rename(draft, folder);
    return ok(undefined);
  } catch (error) {
    return fail("CannotWrite", `${folder} cannot be written: ${messageOf(error)}`);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function entriesOf(folder: string): Promise<Result<readonly string[] | undefined>> {
  try {
    return ok(await readdir(folder));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return ok(undefined);
    if (code === "ENOTDIR") return fail("NotAFolder", `${folder} is no folder, or lies below a file; choose another`);
    return fail("CannotRead", `${folder} ${whyUnread(error)}`);
  }
}

async function write(draft: string, contents: Contents, signal: AbortSignal): Promise<void> {
  for (const [path, content] of contents) {
    if (signal.aborted) return;
    await makeFolder(dirname(join(draft, path)));
    await writeFile(join(draft, path), content);
  }
}

async function moveEntries(draft: string, folder: string): Promise<void> {
  const entries = (await readdir(draft)).filter((name) => name !== PROJECT_FILE);
  for (const name of [...entries, PROJECT_FILE]) await rename(join(draft, name), join(folder, name));
}
