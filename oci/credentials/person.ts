import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { hasCode, whyUnread } from "../../base/error.ts";
import { fieldsOf } from "../../base/json.ts";
import { readBounded } from "../../base/read-bounded.ts";
import { type Keychain, type KeychainEntry, mergeKeychains } from "../../model/module.ts";
import { registryName } from "../../model/registry-name.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { createHelper, type HelperOptions } from "./helper.ts";
import { emptyKeychain, MAX_CONFIG_BYTES, normalizeServer, readAuths, readDockerConfig } from "./keychain.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Docker's own configuration: `$DOCKER_CONFIG/config.json`, else `~/.docker/config.json`. */
export function dockerConfigPath({ DOCKER_CONFIG, HOME }: Environment): string {
  return join(DOCKER_CONFIG || join(HOME || homedir(), ".docker"), "config.json");
}

/**
 * The files that a person's credentials may be in: the one that `$REGISTRY_AUTH_FILE` names, Docker's, and Podman's.
 * https://man.archlinux.org/man/containers-auth.json.5
 */
export function credentialFiles(env: Environment): readonly string[] {
  const { REGISTRY_AUTH_FILE, XDG_RUNTIME_DIR, XDG_CONFIG_HOME = "", HOME } = env;
  const config = isAbsolute(XDG_CONFIG_HOME) ? XDG_CONFIG_HOME : join(HOME || homedir(), ".config");
  const files = [
    ...(REGISTRY_AUTH_FILE ? [REGISTRY_AUTH_FILE] : []),
    dockerConfigPath(env),
    ...(XDG_RUNTIME_DIR ? [join(XDG_RUNTIME_DIR, "containers", "auth.json")] : []),
    join(config, "containers", "auth.json"),
  ];
  return [...new Set(files)];
}

/**
 * What whoever runs the command has for a registry: from all files, and from the credential helpers that they name for it. Fails with `BadDockerConfig` for a
 * file that cannot be read; a helper that fails spoils only itself.
 */
export async function personKeychain(registry: string, options: HelperOptions): Promise<Result<Keychain>> {
  const keychains: Keychain[] = [];
  for (const path of credentialFiles(options.env)) {
    const keychain = await fileKeychain(path, registry, options);
    if (!keychain.ok) return keychain;
    keychains.push(keychain.value);
  }
  return ok(mergeKeychains(keychains));
}

/** What one file has for a registry, its helper's answer first; nothing where there is no such file. Fails as `personKeychain`. */
export async function fileKeychain(path: string, registry: string, options: HelperOptions): Promise<Result<Keychain>> {
  const document = await readConfigFile(path);
  if (!document.ok) return document;
  if (document.value === undefined) return ok(emptyKeychain);
  const helped = await askHelper(document.value, path, registry, options);
  const auths = readAuths(document.value, path);
  return auths.ok ? ok(mergeKeychains([helped, auths.value])) : unusable(auths.error.message);
}

/** The files that have credentials for a registry, or some of its repositories, in them. */
export async function filesWith(registry: string, env: Environment): Promise<readonly string[]> {
  const name = registryName(registry);
  const found: string[] = [];
  for (const path of credentialFiles(env)) {
    const document = await readConfigFile(path);
    const auths = document.ok && document.value !== undefined ? readAuths(document.value, path) : undefined;
    const servers = auths?.ok ? [...auths.value.keys()] : [];
    if (servers.some((server) => server === name || server.startsWith(`${name}/`))) found.push(path);
  }
  return found;
}

/** A configuration file as it is; `undefined` where there is none. Fails with `BadDockerConfig`. */
export async function readConfigFile(path: string): Promise<Result<Record<string, unknown> | undefined>> {
  try {
    const bytes = await readBounded(path, MAX_CONFIG_BYTES);
    if (bytes === undefined) return unusable(`${path} is larger than 1 MiB`);
    // Docker takes an empty file for none.
    if (bytes.every((byte) => byte <= 0x20)) return ok(undefined);
    const document = readDockerConfig(bytes, path);
    return document.ok ? document : unusable(document.error.message);
  } catch (error) {
    return hasCode(error, "ENOENT", "ENOTDIR") ? ok(undefined) : unusable(`${path} ${whyUnread(error)}`);
  }
}

function unusable(message: string) {
  return fail("BadDockerConfig", message);
}

/** The helper that a configuration names for a registry, the one of `credHelpers` before the one for all. */
export function helperName(document: Readonly<Record<string, unknown>>, registry: string): string | undefined {
  const own = Object.entries(fieldsOf(document.credHelpers)).find(([server]) => isServerOf(server, registry))?.[1];
  const name = own ?? document.credsStore;
  return typeof name === "string" && name !== "" ? name : undefined;
}

/** What helpers and Docker's file call a registry. */
export function serverKey(registry: string): string {
  return registry === "docker.io" ? "https://index.docker.io/v1/" : registry;
}

/** True where a configuration's name of a server is one of this registry, however either is written. */
export function isServerOf(server: string, registry: string): boolean {
  return normalizeServer(server) === registryName(registry);
}

/** What a helper may have a registry's credentials under: what Weir calls it, then what whoever stored them called it, which Docker lists. */
export function serverKeys({ auths }: Readonly<Record<string, unknown>>, registry: string): readonly string[] {
  const listed = Object.keys(fieldsOf(auths)).filter((server) => isServerOf(server, registry));
  return [...new Set([serverKey(registry), ...listed])].slice(0, MAX_SERVER_KEYS);
}

/** Names of one registry that a helper is asked for: each is a run of a program. */
const MAX_SERVER_KEYS = 4;

async function askHelper(
  document: Readonly<Record<string, unknown>>,
  path: string,
  registry: string,
  options: HelperOptions,
): Promise<Keychain> {
  const name = helperName(document, registry);
  if (name === undefined) return emptyKeychain;
  const helper = createHelper(name, options);
  if (!helper.ok) return only(registry, { problem: `${helper.error.message} (${path})` });
  for (const server of serverKeys(document, registry)) {
    const found = await helper.value.get(server);
    if (!found.ok) return only(registry, { problem: `${found.error.message} (${path})` });
    if (found.value !== undefined) return only(registry, found.value);
  }
  return emptyKeychain;
}

function only(registry: string, entry: KeychainEntry): Keychain {
  return new Map([[registryName(registry), [entry]]]);
}
