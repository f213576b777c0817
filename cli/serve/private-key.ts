import { randomBytes, randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { link, lstat, mkdir, open, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { TEMPORARY_PREFIX } from "../../base/atomic-file.ts";
import { hasCode, messageOf } from "../../base/error.ts";
import { PRIVATE_KEY_BYTES } from "../../base/keyring.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { isForeign, PRIVATE_FILE_MODE, PRIVATE_FOLDER_MODE, setBackGroupModes } from "../private-modes.ts";

/** Where the private key comes from: a file below `--data`, or a Secret of Weir's own namespace. */
export type KeySource = () => Promise<Result<Uint8Array>>;

/**
 * The key in `DATA/private/key`: 32 random bytes, made at the first start. Fails when others may read it, when it is not whole, or when the folder
 * cannot be used. Two processes that start at once get the same key.
 */
export function privateKeyFile(dataDir: string): KeySource {
  const folder = join(dataDir, "private");
  const file = join(folder, "key");
  return async () => {
    try {
      await mkdir(folder, { mode: PRIVATE_FOLDER_MODE }).catch(unless("EEXIST"));
      await setBackGroupModes(folder, ["key"]);
      const isPrivate = await checkFolder(folder);
      if (!isPrivate.ok) return isPrivate;
      // A folder that cannot be written has the key of before.
      if (!(await exists(file))) await make(file).catch(unless("EEXIST"));
      return await read(file);
    } catch (error) {
      return fail("PrivateKey", `the private key ${file} cannot be used: ${messageOf(error)}`);
    }
  };
}

async function checkFolder(folder: string): Promise<Result<void>> {
  const found = await lstat(folder);
  if (!found.isDirectory()) return fail("PrivateKey", `${folder} is not a folder; remove it, then start again`);
  return isForeign(found.mode) ? tooOpen(folder, found.mode, PRIVATE_FOLDER_MODE) : ok(undefined);
}

async function exists(file: string): Promise<boolean> {
  const found = await lstat(file).catch(unless("ENOENT"));
  return found !== undefined;
}

/** Under its name there is never a part of a key, and never another key than the first. */
async function make(file: string): Promise<void> {
  const temporary = join(file, "..", `${TEMPORARY_PREFIX}${randomUUID()}`);
  try {
    await writeFile(temporary, randomBytes(PRIVATE_KEY_BYTES), { flag: "wx", mode: PRIVATE_FILE_MODE, flush: true });
    await link(temporary, file);
  } finally {
    await rm(temporary, { force: true });
  }
  const folder = await open(join(file, ".."), "r");
  await folder.sync().finally(() => folder.close());
}

async function read(file: string): Promise<Result<Uint8Array>> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const { mode, size } = await handle.stat();
    if (isForeign(mode)) return tooOpen(file, mode, PRIVATE_FILE_MODE);
    if (size !== PRIVATE_KEY_BYTES) {
      const what = `${file} has ${size} bytes, a private key has ${PRIVATE_KEY_BYTES}`;
      return fail("PrivateKey", `${what}; restore it from a backup, or remove it and a new one is made`);
    }
    return ok(await handle.readFile());
  } finally {
    await handle.close();
  }
}

function tooOpen(path: string, mode: number, right: number): Result<never> {
  const is = (mode & 0o777).toString(8);
  return fail(
    "PrivateKey",
    `${path} is open to others (mode ${is}); chmod ${right.toString(8)} ${path}, and remove it if they may have read it`,
  );
}

function unless(code: string): (error: unknown) => void {
  return (error) => {
    if (!hasCode(error, code)) throw error;
  };
}
