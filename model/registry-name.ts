/** Names of Docker Hub in references and config files. */
const DOCKER_HUB: ReadonlySet<string> = new Set(["docker.io", "index.docker.io", "registry-1.docker.io"]);

/** True for a name of Docker Hub, which is `docker.io`. */
export function isDockerHub(host: string): boolean {
  return DOCKER_HUB.has(host);
}

/**
 * The one spelling of a registry's `host[:port]`: in lower case, an address in its usual form, without the port that HTTPS has anyhow. A client connects to the same
 * place for all of them.
 */
export function registryName(host: string): string {
  const name = (URL.parse(`https://${host}/`)?.host ?? host).toLowerCase();
  return isDockerHub(name) ? "docker.io" : name;
}

/**
 * A glob of repositories in the spelling that repositories are compared in: `index.docker.io/me/*` is `docker.io/me/*`. One that begins with no registry stays as it is, and
 * matches nothing: whoever wrote `filters/*` hardly meant that user of Docker Hub. So does the registry of a folder; one with a star in its name, but for the port.
 */
export function repositoryPattern(pattern: string): string {
  const slash = pattern.indexOf("/");
  if (slash < 0 || pattern.startsWith("oci-layout:") || pattern.startsWith("**")) return pattern;
  const [first, path] = [pattern.slice(0, slash), pattern.slice(slash + 1)];
  if (first.includes("*")) return `${first.replace(/:0*443$/, "")}/${path}`;
  if (first !== "localhost" && !/[.:[]/.test(first)) return pattern;
  const host = registryName(first);
  return `${host}/${host === "docker.io" && !path.includes("/") && !path.includes("**") ? `library/${path}` : path}`;
}
