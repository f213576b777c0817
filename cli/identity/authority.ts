import { randomUUID, X509Certificate } from "node:crypto";
import { constants } from "node:fs";
import { mkdir, open, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { TEMPORARY_PREFIX } from "../../base/atomic-file.ts";
import { hasCode, messageOf } from "../../base/error.ts";
import { makeFolder } from "../../base/make-folder.ts";
import { type CertificateFiles, createAuthority, isAuthority } from "../../cluster/index.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { isForeign, PRIVATE_FILE_MODE, PRIVATE_FOLDER_MODE, setBackGroupModes } from "../private-modes.ts";

/** Ten years: every proxy that trusts it has to be told of the next one. */
const VALID_MS = 3650 * 86_400_000;

/**
 * Weir's own authority, in `DATA/private/ca`: made when it is first asked for, and kept. Two processes that ask at once get the same one. Fails when its key is open
 * to others, or when it cannot be used. `now`: milliseconds since the epoch.
 */
export async function ownAuthority(dataDir: string, now: number): Promise<Result<CertificateFiles>> {
  const folder = join(dataDir, "private", "ca");
  try {
    await makeFolder(join(dataDir, "private"), PRIVATE_FOLDER_MODE);
    await setBackGroupModes(join(dataDir, "private"), ["key"]);
    await setBackGroupModes(folder, ["ca.key", "ca.crt"]).catch(unless("ENOENT"));
    const found = await read(folder).catch(unless("ENOENT"));
    if (found !== undefined) return check(found, folder, now);
    await make(folder, now).catch(unless("ENOTEMPTY", "EEXIST"));
    return check(await read(folder), folder, now);
  } catch (error) {
    return unusable(folder, messageOf(error));
  }
}

interface Found extends CertificateFiles {
  readonly mode: number;
}

async function read(folder: string): Promise<Found> {
  const handle = await open(join(folder, "ca.key"), constants.O_RDONLY | constants.O_NOFOLLOW);
  const cert = await open(join(folder, "ca.crt"), constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    return { mode: (await handle.stat()).mode, key: await handle.readFile("utf8"), cert: await cert.readFile("utf8") };
  } finally {
    await handle.close();
    await cert.close();
  }
}

/** A folder takes its name when it is whole. */
async function make(folder: string, now: number): Promise<void> {
  const { cert, key } = createAuthority(`Weir ${randomUUID().slice(0, 8)}`, now, VALID_MS);
  const temporary = join(folder, "..", `${TEMPORARY_PREFIX}${randomUUID()}`);
  await mkdir(temporary, { mode: PRIVATE_FOLDER_MODE });
  try {
    await writeFile(join(temporary, "ca.key"), key, { mode: PRIVATE_FILE_MODE, flush: true });
    await writeFile(join(temporary, "ca.crt"), cert, { mode: PRIVATE_FILE_MODE, flush: true });
    await rename(temporary, folder);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

function check({ cert, key, mode }: Found, folder: string, now: number): Result<CertificateFiles> {
  const file = join(folder, "ca.key");
  if (isForeign(mode))
    return unusable(
      folder,
      `${file} is open to others (mode ${(mode & 0o777).toString(8)}); chmod 600 it, and remove the folder if they may have read it`,
    );
  if (!isAuthority({ cert, key })) return unusable(folder, "ca.crt and ca.key are no authority's certificate and ECDSA key");
  if (new X509Certificate(cert).validToDate.getTime() <= now)
    return unusable(folder, "it has ended; remove the folder, and issue every certificate anew");
  return ok({ cert, key });
}

function unusable(folder: string, why: string): Result<never> {
  return fail("Authority", `the authority in ${folder} cannot be used: ${why}`);
}

function unless(...codes: readonly string[]): (error: unknown) => undefined {
  return (error) => {
    if (!codes.some((code) => hasCode(error, code))) throw error;
    return undefined;
  };
}
