import type { Filter } from "../../model/filter.ts";
import { type Keychain, mergeKeychains } from "../../model/module.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import type { Source } from "../source/source.ts";
import { about } from "./failure.ts";

export interface CredentialsDeps {
  readonly source: Pick<Source, "secret">;
  /** Reads a `.dockerconfigjson`. `name` says in messages what it is. */
  readonly parseKeychain: (dockerConfigJson: string, name: string) => Result<Keychain>;
}

/** The credentials of spec.pullSecrets. Where several are for a repository, those of the secret that is named first are tried first. */
export async function pullKeychain(filter: Filter, { source, parseKeychain }: CredentialsDeps): Promise<Result<Keychain>> {
  const keychains: Keychain[] = [];
  for (const name of filter.pullSecrets) {
    const secret = await source.secret(filter.key.namespace, name);
    if (!secret.ok) return { ok: false, error: about("spec.pullSecrets", secret.error) };
    const secretName = `Secret ${filter.key.namespace}/${name}`;
    const where = `spec.pullSecrets: ${secretName}`;
    const json = secret.value.data.get(".dockerconfigjson");
    if (json === undefined) {
      return fail(
        "PullSecretInvalid",
        `${where} is not of type kubernetes.io/dockerconfigjson; make one with kubectl create secret docker-registry`,
      );
    }
    const keychain = parseKeychain(json.toString("utf8"), secretName);
    if (!keychain.ok) return fail("PullSecretInvalid", `spec.pullSecrets: ${keychain.error.message}`);
    keychains.push(keychain.value);
  }
  return ok(mergeKeychains(keychains));
}
