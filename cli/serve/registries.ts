import type { Clock } from "../../model/clock.ts";
import type { ClusterAccess } from "../../model/kube.ts";
import type { Log } from "../../model/log.ts";
import { type ImpliedCredentials, mergeKeychains } from "../../model/module.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import {
  checkCredentialsFile,
  createMirrors,
  createSharedCredentials,
  type Fetch,
  type Mirrors,
  parseDockerConfig,
  parseMirror,
  parseSharedRepositories,
} from "../../oci/index.ts";
import { parseAddress } from "../args/address.ts";
import { readList } from "../args/list.ts";
import type { FlagValues } from "../args/syntax.ts";
import { usage } from "../args/usage.ts";
import { openFetch } from "../modules.ts";
import type { Terminal } from "../terminal.ts";
import { type CatalogChoice, readCatalog } from "./catalog.ts";
import type { catalogFlags } from "./catalog-flags.ts";
import type { serveRegistryFlags } from "./registry-flags.ts";
import { type RegistryWebhookOptions, readWebhookSecret } from "./registry-webhook.ts";

/** How the server speaks to registries. */
export interface Registries {
  readonly fetch: Fetch;
  readonly plainHttp: readonly string[];
  readonly mirrors: Mirrors | undefined;
  /** Where registries tell of tags, and with which secret; `undefined`: nowhere. */
  readonly registryWebhook: Pick<RegistryWebhookOptions, "address" | "secret"> | undefined;
  /** The credentials that no filter names; `undefined`: there are none. */
  readonly implied: ImpliedCredentials | undefined;
  readonly catalog: CatalogChoice;
}

export interface RegistriesOptions {
  /** `undefined`: filters come from a folder, which one person writes. */
  readonly cluster: ClusterAccess | undefined;
  readonly ownNamespace: string | undefined;
  readonly env: Terminal["env"];
  readonly clock: Clock;
  readonly log: Log;
}

export async function openRegistries(
  values: FlagValues<typeof serveRegistryFlags & typeof catalogFlags>,
  options: RegistriesOptions,
): Promise<Result<Registries>> {
  const fetch = await openFetch(values, { loopback: options.cluster === undefined, env: options.env });
  if (!fetch.ok) return fetch;
  const mirrors = readMirrors(values, options);
  if (!mirrors.ok) return mirrors;
  const implied = await readImplied(values, options);
  if (!implied.ok) return implied;
  const catalog = readCatalog(values.catalog);
  if (!catalog.ok) return catalog;
  const webhook = await readWebhook(values);
  if (!webhook.ok) return webhook;
  return ok({
    fetch: fetch.value,
    plainHttp: values["plain-http"],
    mirrors: mirrors.value,
    registryWebhook: webhook.value,
    implied: implied.value,
    catalog: { repositories: catalog.value, credentials: ownCredentials(values["registry-auth-file"], options) },
  });
}

async function readWebhook(values: FlagValues<typeof serveRegistryFlags>): Promise<Result<Registries["registryWebhook"]>> {
  const { "registry-webhook-address": place, "registry-webhook-secret-file": file } = values;
  if (place === undefined && file === undefined) return ok(undefined);
  if (place === undefined || file === undefined)
    return usage("--registry-webhook-address and --registry-webhook-secret-file need each other; give both, or neither");
  const address = parseAddress(place, "--registry-webhook-address");
  if (!address.ok) return address;
  const secret = await readWebhookSecret(file);
  return secret.ok ? ok({ address: address.value, secret: secret.value }) : secret;
}

function readMirrors(
  { mirror }: FlagValues<typeof serveRegistryFlags>,
  options: Pick<RegistriesOptions, "clock" | "log">,
): Result<Mirrors | undefined> {
  const mirrors = readList(mirror, "--mirror", parseMirror);
  if (!mirrors.ok) return mirrors;
  return ok(mirrors.value.length === 0 ? undefined : createMirrors(mirrors.value, options));
}

async function readImplied(
  values: FlagValues<typeof serveRegistryFlags>,
  { cluster, ownNamespace, env, clock, log }: RegistriesOptions,
): Promise<Result<ImpliedCredentials | undefined>> {
  const { "registry-auth-file": file, "shared-repository": shared, "pull-service-account": account } = values;
  const sources: ImpliedCredentials[] = [];
  if (account !== undefined) {
    if (cluster === undefined)
      return usage("--pull-service-account asks the API server of a cluster, and filters come from a folder here; leave it out");
    const { createPullSecrets } = await import("../../cluster/index.ts");
    sources.push(createPullSecrets({ api: cluster.api, account, parseKeychain: parseDockerConfig, clock, log }));
  }
  const repositories = readList(shared, "--shared-repository", parseSharedRepositories);
  if (!repositories.ok) return repositories;
  if (file === undefined && repositories.value.length > 0)
    return usage("--shared-repository says who may use --registry-auth-file; name that file too");
  if (file !== undefined) {
    const there = await checkCredentialsFile(file);
    if (!there.ok) return fail("BadDockerConfig", `--registry-auth-file: ${there.error.message}`);
    const trusted = cluster === undefined ? "all" : ownNamespace;
    sources.push(createSharedCredentials({ file, repositories: repositories.value, trusted, env, clock, log }));
  }
  return ok(sources.length === 0 ? undefined : inTurn(sources));
}

/** Weir's own, for what whoever runs it has chosen. */
function ownCredentials(file: string | undefined, { env, clock, log }: RegistriesOptions): ImpliedCredentials | undefined {
  return file === undefined ? undefined : createSharedCredentials({ file, repositories: [], trusted: "all", env, clock, log });
}

/** Those of the namespace before Weir's own. */
function inTurn(sources: readonly ImpliedCredentials[]): ImpliedCredentials {
  return {
    keychainFor: async (namespace, image) =>
      mergeKeychains(await Promise.all(sources.map((source) => source.keychainFor(namespace, image)))),
  };
}
