import { isRecord } from "../../base/json.ts";
import type { Credentials, Keychain } from "../../model/module.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { dockerHubAliases } from "../repository/reference.ts";

export const emptyKeychain: Keychain = new Map();

const MAX_BYTES = 1 << 20;

/** With this user name the password is an OAuth2 refresh token, by convention of Docker's credential helpers. */
export const IDENTITY_TOKEN_USER = "<token>";

/**
 * Reads a `.dockerconfigjson` (what a kubernetes.io/dockerconfigjson Secret and `~/.docker/config.json` hold).
 * Keys of the result are `host[:port]` or, where the file narrows an entry to a path, `host[:port]/path`.
 * Fails with reason `InvalidPullSecret`; no message quotes the document.
 * https://kubernetes.io/docs/concepts/containers/images/#config-json
 */
export function parseDockerConfig(text: string | Uint8Array): Result<Keychain> {
  const invalid = (why: string) => fail("InvalidPullSecret", `the pull secret is not a valid .dockerconfigjson: ${why}`);
  if (text.length > MAX_BYTES) return invalid("it is larger than 1 MiB");
  let document: unknown;
  try {
    document = JSON.parse(typeof text === "string" ? text : new TextDecoder().decode(text));
  } catch {
    return invalid("it is not JSON"); // the parser's message would quote the secret
  }
  const auths = isRecord(document) ? document.auths : undefined;
  if (auths === undefined && isRecord(document)) return ok(emptyKeychain); // only credential helpers, which are not run here
  if (!isRecord(auths)) return invalid("`auths` is not an object");
  const keychain = new Map<string, Credentials>();
  for (const [index, [server, entry]] of Object.entries(auths).entries()) {
    const credentials = readEntry(entry);
    if (typeof credentials === "string") return invalid(`entry ${index + 1} of \`auths\` ${credentials}`);
    const key = normalizeServer(server);
    if (credentials !== undefined && !keychain.has(key)) keychain.set(key, credentials);
  }
  return ok(keychain);
}

/** The credentials, `undefined` for an empty entry (a credential helper's placeholder), or what is wrong with it. */
function readEntry(entry: unknown): Credentials | undefined | string {
  if (!isRecord(entry)) return "is not an object";
  const { username, password, auth, identitytoken } = entry;
  if (typeof identitytoken === "string" && identitytoken !== "") return { username: IDENTITY_TOKEN_USER, password: identitytoken };
  if (typeof username === "string" && typeof password === "string" && username !== "") return { username, password };
  if (typeof auth === "string" && auth !== "") {
    const decoded = Buffer.from(auth, "base64").toString("utf8").replaceAll("\0", "");
    const colon = decoded.indexOf(":");
    if (colon < 1) return "has an `auth` that is not base64 of username:password";
    return { username: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
  }
  return undefined;
}

/** `https://index.docker.io/v1/` becomes `docker.io`, `https://r.example/v2/` becomes `r.example`; paths other than API roots stay. */
function normalizeServer(server: string): string {
  const bare = server.replace(/^[a-z]+:\/\//i, "").replace(/\/+$/, "");
  const slash = bare.indexOf("/");
  const host = (slash < 0 ? bare : bare.slice(0, slash)).toLowerCase();
  const path = slash < 0 ? "" : bare.slice(slash);
  if (dockerHubAliases.has(host)) return path === "/v1" || path === "/v2" ? "docker.io" : `docker.io${path}`;
  return path === "/v1" || path === "/v2" ? host : `${host}${path}`;
}

/**
 * The credentials for a repository: the entry with the longest matching path, else the host's, else one whose host has a `*`
 * standing for one label (`*.registry.example`).
 */
export function findCredentials(keychain: Keychain, registry: string, repository: string): Credentials | undefined {
  const host = registry.toLowerCase();
  const segments = repository.split("/");
  for (let length = segments.length; length >= 0; length--) {
    const found = keychain.get([host, ...segments.slice(0, length)].join("/"));
    if (found !== undefined) return found;
  }
  for (const [pattern, credentials] of keychain) {
    if (pattern.includes("*") && hostMatches(pattern, host)) return credentials;
  }
  return undefined;
}

function hostMatches(pattern: string, host: string): boolean {
  const wanted = pattern.split(".");
  const given = host.split(".");
  return wanted.length === given.length && wanted.every((label, i) => label === "*" || label === given[i]);
}

/** One keychain of several; where two name the same server, the first wins. */
export function mergeKeychains(keychains: Iterable<Keychain>): Keychain {
  const merged = new Map<string, Credentials>();
  for (const keychain of keychains) {
    for (const [server, credentials] of keychain) if (!merged.has(server)) merged.set(server, credentials);
  }
  return merged;
}
