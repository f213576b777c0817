import { posix } from "node:path";
import { type Digest, isDigest } from "../../model/digest.ts";
import { isDockerHub, registryName } from "../../model/registry-name.ts";
import { fail, ok, type Result } from "../../model/result.ts";

/** An image in a registry. Without a digest, `tag` is set (`latest` when the text named neither). With both, the digest wins. */
export interface RegistryReference {
  readonly kind: "registry";
  /** `host[:port]`; Docker Hub is `docker.io`. */
  readonly registry: string;
  readonly repository: string;
  readonly tag: string | undefined;
  readonly digest: Digest | undefined;
}

/** An image in an OCI image layout folder. At least one of `tag` and `digest` is set; with both, the digest wins. */
export interface LayoutReference {
  readonly kind: "layout";
  /** As written: may be relative. */
  readonly directory: string;
  readonly tag: string | undefined;
  readonly digest: Digest | undefined;
}

/** An image of whoever runs a command, by the name that it has in a registry. */
export interface LocalReference extends Omit<RegistryReference, "kind"> {
  readonly kind: "local";
}

export type Reference = RegistryReference | LayoutReference | LocalReference;

const LAYOUT_PREFIX = "oci-layout:";
const LOCAL_PREFIX = "local:";
/** What follows it is no port of a registry named `local`. */
const LOCAL = /^local:(?!\d+\/)/;
const MAX_REFERENCE_LENGTH = 4096;

// The grammar of https://pkg.go.dev/github.com/distribution/reference, which registries and Docker share.
const HOST = /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|\[[a-fA-F0-9:]+\])(?::[0-9]{1,5})?$/;
const PATH_COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
/** The name of a tag. */
export const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/**
 * Parses `registry/repo:tag`, `registry/repo@sha256:…`, both at once, `oci-layout:DIR:TAG`, `oci-layout:DIR@sha256:…` and `local:` with a name as in a registry.
 * A name without a registry is Docker Hub's, as for Docker (`nginx` is `docker.io/library/nginx:latest`).
 * Fails with reason `InvalidReference`.
 */
export function parseReference(text: string): Result<Reference> {
  const shown = JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);
  const invalid = (why: string) => fail("InvalidReference", `${shown} is not an image reference: ${why}`);
  if (text === "") return invalid("it is empty; write registry/repository:tag");
  if (text.length > MAX_REFERENCE_LENGTH) return invalid(`it is longer than ${MAX_REFERENCE_LENGTH} characters`);
  const layout = text.startsWith(LAYOUT_PREFIX);
  if (/\p{Cc}/u.test(text) || (!layout && /\s/.test(text))) return invalid("it holds white space or control characters");
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//.exec(text)?.[1];
  if (scheme === "http" || scheme === "https") return invalid("for a plain URL use `url` with `sha256`, or leave out the scheme");
  if (scheme !== undefined) return invalid(`leave out ${scheme}://`);

  const lastAt = text.lastIndexOf("@");
  const at = layout && text.indexOf("/", lastAt) >= 0 ? -1 : lastAt; // a folder's name may hold an @
  const digestText = at < 0 ? undefined : text.slice(at + 1);
  if (digestText !== undefined && !isDigest(digestText)) {
    return invalid(`after @ comes a digest, sha256: and 64 lower-case hex digits, not ${JSON.stringify(digestText.slice(0, 80))}`);
  }
  const name = at < 0 ? text : text.slice(0, at);
  const parsed = layout ? parseLayout(name.slice(LAYOUT_PREFIX.length), digestText) : parseNamed(name, digestText);
  return typeof parsed === "string" ? invalid(parsed) : ok(parsed);
}

/** The reference, or why it is not one. */
function parseLayout(rest: string, digest: Digest | undefined): LayoutReference | string {
  const colon = rest.lastIndexOf(":");
  const tag = colon < 0 || rest.indexOf("/", colon) >= 0 ? undefined : rest.slice(colon + 1);
  const directory = tag === undefined ? rest : rest.slice(0, colon);
  if (directory === "") return "oci-layout: needs a folder, as in oci-layout:./images:1.0";
  if (tag !== undefined && !TAG.test(tag)) return `${JSON.stringify(tag)} is not a tag`;
  if (tag === undefined && digest === undefined) return "oci-layout: needs a tag or a digest, as in oci-layout:./images:1.0";
  return { kind: "layout", directory, tag, digest };
}

function parseNamed(name: string, digest: Digest | undefined): RegistryReference | LocalReference | string {
  if (!LOCAL.test(name)) return parseRegistry(name, digest);
  const parsed = parseRegistry(name.slice(LOCAL_PREFIX.length), digest);
  return typeof parsed === "string" ? parsed : { ...parsed, kind: "local" };
}

function parseRegistry(name: string, digest: Digest | undefined): RegistryReference | string {
  const slash = name.indexOf("/");
  const first = slash < 0 ? "" : name.slice(0, slash);
  const hasHost = first === "localhost" || /[.:[\]A-Z]/.test(first);
  const host = hasHost ? first : "docker.io";
  const rest = hasHost ? name.slice(slash + 1) : name;
  if (!HOST.test(host) || !URL.canParse(`https://${host}/`)) return `${JSON.stringify(host)} is not a host[:port]`;
  const colon = rest.indexOf(":");
  const tag = colon < 0 ? undefined : rest.slice(colon + 1);
  const path = colon < 0 ? rest : rest.slice(0, colon);
  if (tag !== undefined && !TAG.test(tag)) return `${JSON.stringify(tag)} is not a tag`;
  if (path === "") return "the repository is missing";
  if (/[A-Z]/.test(path)) return "a repository is written in lower case";
  if (!isRepositoryPath(path)) return `${JSON.stringify(path)} is not a repository`;
  const registry = isDockerHub(host) ? "docker.io" : host;
  const repository = registry === "docker.io" && !path.includes("/") ? `library/${path}` : path;
  if (registry.length + repository.length > 255) return "the name is longer than 255 characters";
  return { kind: "registry", registry, repository, tag: tag ?? (digest === undefined ? "latest" : undefined), digest };
}

/** The registry with this `host[:port]`, where there may be repositories below this path; `undefined`: they are no names of them. */
export function registryOf(host: string, path = "any"): string | undefined {
  // A name without a dot or a port would be a repository of Docker Hub.
  const parsed = /[.:]|^localhost$/.test(host) ? parseReference(`${host}/${path}`) : undefined;
  return parsed?.ok && parsed.value.kind === "registry" ? parsed.value.registry : undefined;
}

/** True for the name of a repository in its registry, however long. */
export function isRepositoryPath(path: string): boolean {
  return path.split("/").every((part) => PATH_COMPONENT.test(part));
}

/** The reference in full: what `parseReference` reads back to the same. */
export function formatReference(reference: Reference): string {
  return `${repositoryName(reference)}${reference.tag === undefined ? "" : `:${reference.tag}`}${
    reference.digest === undefined ? "" : `@${reference.digest}`
  }`;
}

/** What a repository is asked for: the digest, or else the tag. */
export function wantedOf({ digest, tag }: Reference): string {
  return digest ?? tag ?? "latest";
}

/** An image of a repository by its tag or digest, for messages. */
export function imageName(repository: string, wanted: string): string {
  return `${repository}${isDigest(wanted) ? "@" : ":"}${wanted}`;
}

/** The reference without tag and digest. */
export function repositoryName(reference: Reference): string {
  if (reference.kind === "layout") return `${LAYOUT_PREFIX}${reference.directory}`;
  return `${reference.kind === "local" ? LOCAL_PREFIX : ""}${reference.registry}/${reference.repository}`;
}

/**
 * The repository of a reference in its one spelling: `registry/repository` (`registryName`), `oci-layout:DIR` with the folder's shortest path.
 * Of what is no reference, the text itself.
 */
export function canonicalRepository(text: string): string {
  const parsed = parseReference(text);
  if (!parsed.ok) return text;
  const { value } = parsed;
  if (value.kind !== "layout") return repositoryName({ ...value, registry: registryName(value.registry) });
  const directory = posix.normalize(value.directory);
  return `${LAYOUT_PREFIX}${directory.length > 1 ? directory.replace(/\/$/, "") : directory}`;
}
