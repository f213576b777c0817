import { readFile, readlink, realpath, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { writeFileAtomically } from "../../base/atomic-file.ts";
import { hasCode, messageOf } from "../../base/error.ts";
import { fieldsOf } from "../../base/json.ts";
import { makeFolder } from "../../base/make-folder.ts";
import { parseExactJson, printExactJson } from "../../model/exact-json.ts";
import type { Credentials } from "../../model/module.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { type CredentialHelper, createHelper, type HelperOptions } from "./helper.ts";
import { dockerConfigPath, helperName, isServerOf, readConfigFile, serverKey, serverKeys } from "./person.ts";

/** Where a login is kept: Docker's file in the open, or with a helper that the file names. */
export interface LoginPlace {
  readonly file: string;
  /** `docker-credential-NAME`; `undefined`: the password stands in the file. */
  readonly helper: string | undefined;
}

type Document = Readonly<Record<string, unknown>>;

/**
 * Keeps credentials where `docker login` would: with the helper of Docker's configuration, else in the file itself. All else in the file stays as it is; the file
 * is replaced whole, with mode 0600, also where its path is a link. Fails with `BadDockerConfig`, `CredentialHelperFailed` or `CannotWrite`; then it is unchanged.
 */
export async function saveLogin(registry: string, credentials: Credentials, options: HelperOptions): Promise<Result<LoginPlace>> {
  const file = dockerConfigPath(options.env);
  const document = await readConfigFile(file);
  if (!document.ok) return document;
  const name = helperName(document.value ?? {}, registry);
  if (name === undefined) {
    const auth = Buffer.from(`${credentials.username}:${credentials.password}`).toString("base64");
    const written = await editAuths(file, (auths) => ({
      ...without(auths, registry),
      [serverKey(registry)]: { ...kept(auths, registry), auth },
    }));
    return written.ok ? ok({ file, helper: undefined }) : written;
  }
  const helper = createHelper(name, options);
  if (!helper.ok) return helper;
  const stored = await helper.value.store(serverKey(registry), credentials);
  if (!stored.ok) return stored;
  // Docker lists the servers that its helper has.
  const written = await editAuths(file, (auths) => ({ ...without(auths, registry), [serverKey(registry)]: kept(auths, registry) }));
  return written.ok ? ok({ file, helper: helper.value.program }) : written;
}

/** Forgets what `saveLogin` or `docker login` kept for a registry. The value says whether anything was there. Fails as `saveLogin`. */
export async function removeLogin(registry: string, options: HelperOptions): Promise<Result<LoginPlace & { readonly wasThere: boolean }>> {
  const file = dockerConfigPath(options.env);
  const document = await readConfigFile(file);
  if (!document.ok) return document;
  if (document.value === undefined) return ok({ file, helper: undefined, wasThere: false });
  const name = helperName(document.value, registry);
  const helper = name === undefined ? undefined : createHelper(name, options);
  if (helper?.ok === false) return helper;
  const erased = helper === undefined ? ok(false) : await eraseFrom(helper.value, serverKeys(document.value, registry));
  if (!erased.ok) return erased;
  const auths = fieldsOf(document.value.auths);
  const isListed = Object.keys(auths).some((server) => isServerOf(server, registry));
  if (isListed) {
    const written = await editAuths(file, (all) => without(all, registry));
    if (!written.ok) return written;
  }
  return ok({ file, helper: helper?.value.program, wasThere: isListed || erased.value });
}

/** True where the helper had any of these. Fails with `CredentialHelperFailed`. */
async function eraseFrom(helper: CredentialHelper, servers: readonly string[]): Promise<Result<boolean>> {
  let wasThere = false;
  for (const server of servers) {
    const found = await helper.get(server);
    if (!found.ok) return found;
    if (found.value === undefined) continue;
    wasThere = true;
    const erased = await helper.erase(server);
    if (!erased.ok) return erased;
  }
  return ok(wasThere);
}

/** Entries of other registries. Docker may have written one registry in several ways. */
function without(auths: Document, registry: string): Document {
  return Object.fromEntries(Object.entries(auths).filter(([server]) => !isServerOf(server, registry)));
}

/** What an entry says besides the credentials, e.g. an e-mail address. */
function kept(auths: Document, registry: string): Document {
  const entry = Object.entries(auths).find(([server]) => isServerOf(server, registry))?.[1];
  const { auth: _a, username: _u, password: _p, identitytoken: _i, registrytoken: _r, ...others } = fieldsOf(entry);
  return others;
}

async function editAuths(file: string, edit: (auths: Document) => Document): Promise<Result<void>> {
  try {
    const path = await target(file);
    const text = await readFile(path, "utf8").catch((error) => {
      if (hasCode(error, "ENOENT")) return "";
      throw error;
    });
    const document = fieldsOf(text.trim() === "" ? {} : parseExactJson(text));
    const auths = edit(fieldsOf(document.auths));
    const edited = printExactJson({ ...document, auths }, indentOf(text));
    if (text !== "" && edited === text.trimEnd()) return ok(undefined);
    await makeFolder(dirname(path), 0o700);
    const before = await stat(path).catch(() => undefined);
    await writeFileAtomically(path, `${edited}\n`, { mode: 0o600, owner: before });
    return ok(undefined);
  } catch (error) {
    return fail("CannotWrite", `${file} cannot be written (${messageOf(error)}); nothing in it was changed`);
  }
}

/** Where a link leads, also one to a file that is not there yet. */
async function target(file: string): Promise<string> {
  try {
    return await realpath(file);
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
    const link = await readlink(file).catch(() => undefined);
    return link === undefined ? file : resolve(dirname(file), link);
  }
}

/** As the file has it; Docker's own is a tab. */
function indentOf(text: string): string {
  return /^\s*\{\r?\n([ \t]+)"/.exec(text)?.[1] ?? "\t";
}
