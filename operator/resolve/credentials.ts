import type { Filter } from "../../model/filter.ts";
import { type ImpliedCredentials, type Keychain, mergeKeychains } from "../../model/module.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import type { Source } from "../source/source.ts";
import { about } from "./failure.ts";

export interface CredentialsDeps {
  readonly source: Pick<Source, "secret">;
  /** Reads a `.dockerconfigjson`. `name` says in messages what it is. */
  readonly parseKeychain: (dockerConfigJson: string, name: string) => Result<Keychain>;
  /** Absent: there are none beside those that specs name. */
  readonly implied?: ImpliedCredentials | undefined;
}

/**
 * The credentials of spec.pullSecrets, and after them those that no spec names. Where several are for a repository, those of the secret that is named first are
 * tried first. `image`: what is read with them, which for an earlier revision may be of another repository than the spec names: what is implied for one repository
 * is not for the others of its registry.
 */
export async function pullKeychain(
  filter: Filter,
  deps: CredentialsDeps,
  image = filter.source.kind === "image" ? filter.source.image : undefined,
): Promise<Result<Keychain>> {
  const keychains: Keychain[] = [];
  for (const name of filter.pullSecrets) {
    const keychain = await namedKeychain(filter, name, deps);
    if (!keychain.ok) return keychain;
    keychains.push(keychain.value);
  }
  const { namespace } = filter.key;
  if (deps.implied !== undefined && image !== undefined) keychains.push(await deps.implied.keychainFor(namespace, image));
  return ok(mergeKeychains(keychains));
}

async function namedKeychain(
  { key: { namespace } }: Filter,
  name: string,
  { source, parseKeychain }: CredentialsDeps,
): Promise<Result<Keychain>> {
  const secret = await source.secret(namespace, name);
  if (!secret.ok) return { ok: false, error: about("spec.pullSecrets", secret.error) };
  const secretName = `Secret ${namespace}/${name}`;
  const json = secret.value.data.get(".dockerconfigjson");
  if (json === undefined) {
    return fail(
      "PullSecretInvalid",
      `spec.pullSecrets: ${secretName} is not of type kubernetes.io/dockerconfigjson; make one with kubectl create secret docker-registry`,
    );
  }
  const keychain = parseKeychain(json.toString("utf8"), secretName);
  return keychain.ok ? keychain : fail("PullSecretInvalid", `spec.pullSecrets: ${keychain.error.message}`);
}
