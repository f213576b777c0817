import { isRecord } from "../../base/json.ts";
import type { Keychain, KeychainEntry } from "../../model/module.ts";
import { registryName } from "../../model/registry-name.ts";
import { fail, ok, type Result } from "../../model/result.ts";

export const emptyKeychain: Keychain = new Map();

/** A configuration that holds credentials. */
export const MAX_CONFIG_BYTES = 1 << 20;

/** Credentials that are tried for one repository. */
const MAX_MATCHES = 16;

/** With this user name the password is an OAuth2 refresh token, by convention of Docker's credential helpers. */
export const IDENTITY_TOKEN_USER = "<token>";

/**
 * Reads a `.dockerconfigjson` (what a kubernetes.io/dockerconfigjson Secret, `~/.docker/config.json` and Podman's `auth.json` hold). An entry that cannot be read
 * is kept as what it is: it is told when nothing else gives access. Credential helpers that the document names are not run.
 * Fails with reason `InvalidPullSecret`, also when no entry can be read; no message quotes the document. `name` says in messages what it is.
 * https://kubernetes.io/docs/concepts/containers/images/#config-json
 */
export function parseDockerConfig(text: string | Uint8Array, name = "the pull secret"): Result<Keychain> {
  const document = readDockerConfig(text, name);
  return document.ok ? readAuths(document.value, name) : document;
}

/** The document as it is. Fails as `parseDockerConfig`. */
export function readDockerConfig(text: string | Uint8Array, name: string): Result<Record<string, unknown>> {
  if (text.length > MAX_CONFIG_BYTES) return invalid(name, "it is larger than 1 MiB");
  let document: unknown;
  try {
    document = JSON.parse(typeof text === "string" ? text : new TextDecoder().decode(text));
  } catch {
    return invalid(name, "it is not JSON"); // the parser's message would quote the secret
  }
  return isRecord(document) ? ok(document) : invalid(name, "it is not a JSON object");
}

/** The credentials that the document itself has. Fails as `parseDockerConfig`. */
export function readAuths({ auths }: Readonly<Record<string, unknown>>, name: string): Result<Keychain> {
  if (auths === undefined) return ok(emptyKeychain); // only credential helpers
  if (!isRecord(auths)) return invalid(name, "`auths` is not an object");
  const keychain = new Map<string, KeychainEntry[]>();
  let problem: string | undefined;
  let isAnyUsable = false;
  for (const [index, [server, value]] of Object.entries(auths).entries()) {
    const entry = readEntry(value, `entry ${index + 1} of \`auths\` of ${name}`);
    if (entry === undefined) continue;
    if ("problem" in entry) problem ??= entry.problem;
    else isAnyUsable = true;
    const key = normalizeServer(server);
    const known = keychain.get(key);
    if (known === undefined) keychain.set(key, [entry]);
    else known.push(entry);
  }
  return problem === undefined || isAnyUsable ? ok(keychain) : invalid(name, problem);
}

function invalid(name: string, why: string) {
  return fail("InvalidPullSecret", `${name} is not a valid .dockerconfigjson: ${why}`);
}

/** The credentials, `undefined` for an empty entry (a credential helper's placeholder), or what is wrong with it. `auth` wins, as for the kubelet. */
function readEntry(entry: unknown, where: string): KeychainEntry | undefined {
  if (!isRecord(entry)) return { problem: `${where} is not an object` };
  const { username, password, auth, identitytoken } = entry;
  if (typeof identitytoken === "string" && identitytoken !== "") return { username: IDENTITY_TOKEN_USER, password: identitytoken };
  if (typeof auth === "string" && auth !== "") {
    const decoded = decodeAuth(auth);
    const colon = decoded?.indexOf(":") ?? -1;
    if (decoded === undefined || colon < 1) return { problem: `${where} has an \`auth\` that is not base64 of username:password` };
    return { username: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
  }
  if (typeof username === "string" && typeof password === "string" && username !== "") return { username, password };
  return undefined;
}

/** Docker pads what it encodes with zeros. */
function decodeAuth(auth: string): string | undefined {
  const bytes = /^[A-Za-z0-9+/_-]+={0,2}$/.test(auth.trim()) ? Buffer.from(auth.trim(), "base64") : undefined;
  return bytes?.toString("utf8").replaceAll("\0", "");
}

/**
 * The name of a registry, or of repositories in it, that a configuration calls a server: of `https://index.docker.io/v1/` it is `docker.io`, of `https://R.example:443/v2/`
 * `r.example`. Paths other than API roots stay. A registry is compared with it by its `registryName`.
 */
export function normalizeServer(server: string): string {
  // Looked for once in a run of slashes, not from each of them.
  const bare = server.replace(/^[a-z]+:\/\//i, "").replace(/(?<!\/)\/+$/, "");
  const slash = bare.indexOf("/");
  const host = hostPattern((slash < 0 ? bare : bare.slice(0, slash)).toLowerCase());
  const path = (slash < 0 ? "" : bare.slice(slash)).replace(/^\/v[12](?=\/|$)/, "");
  return `${host}${path}`;
}

/**
 * What is tried for a repository, in this order: entries with the longest matching path first; of these a host by its name before globs; then as the keychain has
 * them. A glob is what the kubelet takes: `*`, `?` and `[a-z]` in a label of the host, with the same port, and a path where it has one.
 * https://kubernetes.io/docs/concepts/containers/images/#config-json
 */
export function matchingEntries(keychain: Keychain, registry: string, repository: string): readonly KeychainEntry[] {
  const host = registryName(registry);
  const matches = [...keychain].flatMap(([server, entries]) => {
    const slash = server.indexOf("/");
    const pattern = hostPattern(slash < 0 ? server : server.slice(0, slash));
    const path = slash < 0 ? "" : server.slice(slash + 1);
    const isUnder = path === "" || repository === path || repository.startsWith(`${path}/`);
    return isUnder && hostMatches(pattern, host) ? [{ entries, length: path.length, isGlob: pattern !== host }] : [];
  });
  matches.sort((a, b) => b.length - a.length || Number(a.isGlob) - Number(b.isGlob));
  return matches.flatMap(({ entries }) => entries).slice(0, MAX_MATCHES);
}

/** In the spelling of `registryName`, which would take `?` for the end of a host. */
function hostPattern(host: string): string {
  return isGlob(host) ? host.replace(/:0*443$/, "") : registryName(host);
}

/** The brackets of an IPv6 address are those of no glob. */
function isGlob(host: string): boolean {
  return /[*?[]/.test(host) && !/^\[[0-9a-f.]*:[0-9a-f:.]*\](?::\d+)?$/.test(host);
}

function hostMatches(pattern: string, host: string): boolean {
  if (pattern === host) return true;
  if (!isGlob(pattern)) return false;
  const [wanted, given] = [splitHost(pattern), splitHost(host)];
  if (wanted.port !== given.port || wanted.labels.length !== given.labels.length) return false;
  return wanted.labels.every((label, i) => labelMatches(label, given.labels[i] ?? ""));
}

function splitHost(host: string): { readonly labels: readonly string[]; readonly port: string | undefined } {
  const [, name = host, port] = /^(.*?)(?::(\d+))?$/.exec(host) ?? [];
  return { labels: name.split("."), port };
}

/** As Go's path.Match, https://pkg.go.dev/path/filepath#Match. A pattern that is none matches nothing. Takes time in the lengths of both, whatever they are. */
function labelMatches(pattern: string, label: string): boolean {
  const parts = pattern.match(/\*+|\?|\[\^?[^\]]+\]|[^*?[\]]/g) ?? [];
  if (parts.join("") !== pattern) return false;
  /** The places in the label that the parts so far can end at. */
  let ends = new Set([0]);
  for (const part of parts) {
    const next = new Set<number>();
    if (part.startsWith("*")) {
      const first = Math.min(...ends);
      for (let at = first; at <= label.length; at++) next.add(at);
    } else {
      for (const at of ends) if (at < label.length && fits(part, label.charAt(at))) next.add(at + 1);
    }
    if (next.size === 0) return false;
    ends = next;
  }
  return ends.has(label.length);
}

/** `?`, `[a-z]`, `[^a-z]` or the character itself. */
function fits(part: string, character: string): boolean {
  if (part === "?") return true;
  if (!part.startsWith("[") || part.length < 3) return part === character;
  const isNegated = part.startsWith("[^");
  const ranges = part.slice(isNegated ? 2 : 1, -1).match(/.-.|./gs) ?? [];
  const isIn = ranges.some((range) => range.charAt(0) <= character && character <= range.charAt(range.length - 1));
  return isIn !== isNegated;
}
