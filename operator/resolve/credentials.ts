import type { Filter } from "../../model/filter.ts";
import type { Keychain } from "../../model/module.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import type { Source } from "../source/source.ts";
import { about } from "./failure.ts";

export interface CredentialsDeps {
  readonly source: Pick<Source, "secret">;
  /** Reads a `.dockerconfigjson`. */
  readonly parseKeychain: (dockerConfigJson: string) => Result<Keychain>;
}

/** The credentials of spec.pullSecrets; where two name a registry, the first counts. */
export async function pullKeychain(filter: Filter, { source, parseKeychain }: CredentialsDeps): Promise<Result<Keychain>> {
  const all = new Map<string, { username: string; password: string }>();
  for (const name of filter.pullSecrets) {
    const secret = await source.secret(filter.key.namespace, name);
    if (!secret.ok) return { ok: false, error: about("spec.pullSecrets", secret.error) };
    const where = `spec.pullSecrets: Secret ${filter.key.namespace}/${name}`;
    const json = secret.value.data.get(".dockerconfigjson");
    if (json === undefined) {
      return fail(
        "PullSecretInvalid",
        `${where} is not of type kubernetes.io/dockerconfigjson; make one with kubectl create secret docker-registry`,
      );
    }
    const keychain = parseKeychain(json.toString("utf8"));
    if (!keychain.ok) return fail("PullSecretInvalid", `${where}: ${keychain.error.message}`);
    for (const [host, credentials] of keychain.value) if (!all.has(host)) all.set(host, credentials);
  }
  return ok(all);
}
