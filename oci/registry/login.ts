import type { Credentials } from "../../model/module.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { answerChallenge, denied } from "./auth.ts";
import { type HttpOptions, type HttpResponse, send, unavailable } from "./http.ts";
import { registryBase } from "./session.ts";

export interface LoginOptions {
  readonly http: HttpOptions;
  readonly credentials: Credentials;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Shows credentials to a registry. The value is false where it asks nobody for any, so that they were not checked. Fails with `AccessDenied`, `RegistryRefused`
 * for what is no registry, or retryable. https://distribution.github.io/distribution/spec/api/#api-version-check
 */
export async function showCredentials(registry: string, { http, credentials, signal }: LoginOptions): Promise<Result<boolean>> {
  const url = registryBase(registry, http.plainHttp);
  const ask = (authorization?: string) => send(http, { method: "GET", url, registry: url.origin, authorization, signal });
  const first = await ask();
  if (!first.ok) return first;
  await first.value.discard();
  if (first.value.status === 200) return ok(false);
  const wwwAuthenticate = first.value.headers.get("www-authenticate");
  if (first.value.status !== 401 || wwwAuthenticate === null || first.value.url.origin !== url.origin)
    return refused(registry, url, first.value);
  const answer = await answerChallenge(http, { url, wwwAuthenticate, credentials, scope: "", where: registry, signal });
  if (!answer.ok) return answer;
  const second = await ask(answer.value);
  if (!second.ok) return second;
  await second.value.discard();
  const { status } = second.value;
  if (status === 401 || status === 403)
    return denied({ where: registry, credentials }, `it refuses this user name and password (${status})`);
  return status === 200 ? ok(true) : refused(registry, url, second.value);
}

function refused(registry: string, url: URL, { status }: HttpResponse) {
  if (status === 429 || status >= 500) return unavailable(url, `it answers ${status}`);
  return fail("RegistryRefused", `${registry} answers /v2/ with ${status}, which no registry does; check the name and the port`);
}
