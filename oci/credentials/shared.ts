import { holding } from "../../base/held.ts";
import { createStandingTrouble } from "../../base/standing-trouble.ts";
import type { Clock } from "../../model/clock.ts";
import type { Log } from "../../model/log.ts";
import type { ImpliedCredentials, KeychainEntry } from "../../model/module.ts";
import { registryName } from "../../model/registry-name.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { parseReference, registryOf } from "../repository/reference.ts";
import type { HelperOptions } from "./helper.ts";
import { emptyKeychain, matchingEntries } from "./keychain.ts";
import { fileKeychain, readConfigFile } from "./person.ts";

/** Repositories that filters may read with Weir's own credentials. */
export interface SharedRepositories {
  /** Whose filters; `undefined`: those of every namespace. */
  readonly namespace: string | undefined;
  /** `host[:port]`, or `host[:port]/path`: that repository and those below it. */
  readonly prefix: string;
}

export interface SharedOptions extends HelperOptions {
  /** A configuration as Docker's and Podman's, with credentials in it or with credential helpers. */
  readonly file: string;
  readonly repositories: readonly SharedRepositories[];
  /** Whose filters may use all of them: the namespace of Weir itself; `all` where one person writes all filters. */
  readonly trusted: string | "all" | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

/** How long what the file or a helper said is taken for granted, in milliseconds. */
const KEEP_MS = 60_000;
const REGISTRIES = 1_000;
const WHOSE = "Weir's own credentials";

/** Reads `[NAMESPACE=]REGISTRY[/PATH]`. Fails with `InvalidRepositories`. */
export function parseSharedRepositories(text: string): Result<SharedRepositories> {
  const [, namespace, host = "", path] = /^(?:([a-z0-9](?:[-a-z0-9]*[a-z0-9])?)=)?([^=/]+)(?:\/([^=:@]+))?$/.exec(text) ?? [];
  const registry = registryOf(host, path);
  if (registry === undefined)
    return fail("InvalidRepositories", `${JSON.stringify(text)} is not [NAMESPACE=]REGISTRY[/PATH], without a tag`);
  const name = registryName(registry);
  return ok({ namespace, prefix: path === undefined ? name : `${name}/${path}` });
}

/** Fails with `BadDockerConfig` for a file that is not there or cannot be read, as a server's start is to. Later on such a file is told in the log. */
export async function checkCredentialsFile(path: string): Promise<Result<void>> {
  const document = await readConfigFile(path);
  if (!document.ok) return document;
  return document.value === undefined
    ? fail("BadDockerConfig", `${path} is not there, or is empty; write it with docker login or podman login --authfile`)
    : ok(undefined);
}

/**
 * Credentials of the server itself, for filters that may use them. Whoever may create a filter could otherwise read, through it, all that Weir may read: the
 * module comes to their own proxies (docs/decisions/0047-registries-as-they-are.md).
 */
export function createSharedCredentials(options: SharedOptions): ImpliedCredentials {
  const { file, repositories, trusted, clock, log } = options;
  const tell = createStandingTrouble((message) => log.warn("the credentials of --registry-auth-file cannot be used", { message }));

  const read = async (registry: string) => {
    const found = await fileKeychain(file, registry, options);
    const keychain = found.ok ? found.value : emptyKeychain;
    const problems = [...keychain.values()].flat().flatMap((entry) => ("problem" in entry ? [entry.problem] : []));
    tell(found.ok ? problems[0] : found.error.message);
    return keychain;
  };
  const find = holding(read, { keepMs: KEEP_MS, most: REGISTRIES, now: clock.now });

  return {
    async keychainFor(namespace, image) {
      const reference = parseReference(image);
      if (!reference.ok || reference.value.kind !== "registry") return emptyKeychain;
      const { registry, repository } = reference.value;
      const host = registryName(registry);
      const name = `${host}/${repository}`;
      const mayRead = (shared: SharedRepositories) =>
        (shared.namespace ?? namespace) === namespace &&
        (host === shared.prefix || name === shared.prefix || name.startsWith(`${shared.prefix}/`));
      if (trusted !== "all" && namespace !== trusted && !repositories.some(mayRead)) return emptyKeychain;
      const entries = matchingEntries(await find(registry), registry, repository);
      return new Map([[registry.toLowerCase(), entries.map(asImplied)]]);
    },
  };
}

/** What is wrong with the file is the operator's to know, and not of who may write a filter. */
function asImplied(entry: KeychainEntry): KeychainEntry {
  return "problem" in entry ? { problem: `${WHOSE} for this registry cannot be used now` } : { ...entry, implied: WHOSE };
}
