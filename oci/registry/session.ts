import { isRecord } from "../../base/json.ts";
import type { Credentials } from "../../model/module.ts";
import { fail, failForNow, type Result } from "../../model/result.ts";
import { type RegistryReference, repositoryName } from "../repository/reference.ts";
import { answerChallenge, denied } from "./auth.ts";
import { type HttpOptions, type HttpRequest, type HttpResponse, readBody, schemeFor } from "./http.ts";
import { patiently } from "./patience.ts";
import { later, retryAfterOf, whenAgain } from "./retry-after.ts";
import { type TagState, type TagStates, tagKey } from "./tag-states.ts";

const MAX_ERROR_BYTES = 64 << 10;

export interface SessionOptions {
  readonly http: HttpOptions;
  readonly credentials: Credentials | undefined;
  readonly tagStates?: TagStates | undefined;
}

/**
 * Requests to one repository of a registry, with authentication. It holds the token, so make one for each operation and caller: callers
 * with different credentials share no token.
 */
export interface Session {
  readonly name: string;
  /** The API URL of a path under the repository. */
  url(path: string): URL;
  /** Sends with the session's authorization. Answers one 401 of the registry and sends again. */
  request(request: Omit<HttpRequest, "authorization">, access?: "pull" | "pull,push"): Promise<Result<HttpResponse>>;
  /** What is remembered of a tag as these credentials see it. */
  tagState(tag: string): TagState | undefined;
  rememberTag(tag: string, state: TagState): void;
  /** Counts a request that is made once more after it broke off. */
  retried(): void;
  /** The failure for a status that the caller did not expect. Reads the body. */
  unexpected(response: HttpResponse, what: string): Promise<{ readonly ok: false; readonly error: ReturnType<typeof fail>["error"] }>;
}

/** Where a registry's API is: `https://r.example/v2/`. */
export function registryBase(registry: string, plainHttp: ReadonlySet<string>): URL {
  const host = registry === "docker.io" ? "registry-1.docker.io" : registry;
  return new URL(`${schemeFor(host, plainHttp)}//${host}/v2/`);
}

export function createSession(reference: RegistryReference, { http, credentials, tagStates }: SessionOptions): Session {
  const name = repositoryName(reference);
  const base = new URL(`${reference.repository}/`, registryBase(reference.registry, http.plainHttp));
  const { host } = base;
  const keyOf = (tag: string) => tagKey(base.href, tag, credentials?.username, credentials?.password);
  let authorization: string | undefined;
  return {
    name,
    url: (path) => new URL(path, base),
    async request(request, access = "pull") {
      const own = request.url.origin === base.origin;
      // An upload's place may be elsewhere, but never in the open.
      if (base.protocol === "https:" && request.url.protocol !== "https:")
        return fail("RegistryRefused", `${host} names a place at ${request.url.host} that is not HTTPS`);
      const registry = base.origin;
      const ask = (header: string | undefined) => patiently(http, { ...request, registry, authorization: header });
      const first = await ask(own ? authorization : undefined);
      // Only the registry itself may ask for credentials, not a host that it redirected to.
      if (!first.ok || !own || first.value.status !== 401 || first.value.url.origin !== base.origin) return first;
      const wwwAuthenticate = first.value.headers.get("www-authenticate");
      const isSpent = request.body !== undefined && !(request.body instanceof Uint8Array);
      if (wwwAuthenticate === null || isSpent) return first;
      await first.value.discard();
      const scope = `repository:${reference.repository}:${access}`;
      const answer = await answerChallenge(http, {
        url: base,
        wwwAuthenticate,
        credentials,
        scope,
        where: name,
        signal: request.signal ?? undefined,
      });
      if (!answer.ok) return answer;
      authorization = answer.value;
      return ask(authorization);
    },
    tagState: (tag) => tagStates?.get(keyOf(tag)),
    rememberTag: (tag, state) => tagStates?.set(keyOf(tag), state),
    retried: () => http.metrics.retried("registry"),
    async unexpected(response, what) {
      const { status } = response;
      const retryAfterMs = retryAfterOf(response.headers, http.clock.now());
      const said = await readErrorCodes(response);
      if (status === 401 || status === 403) return denied({ where: name, credentials }, `${host} refuses ${what} (${status}${said})`);
      const when = whenAgain(retryAfterMs);
      if (status === 429)
        return later(failForNow("RateLimited", `${host} asks for fewer requests (429${said})${when || "; try later"}`), retryAfterMs);
      if (status >= 500 || status === 408)
        return later(failForNow("RegistryUnavailable", `${host} fails on ${what} of ${name} (${status}${said})${when}`), retryAfterMs);
      return fail("RegistryRefused", `${host} refuses ${what} of ${name} (${status}${said})`);
    },
  };
}

/** What to do when a registry answers with other content than was asked for. */
export const CHECK_REGISTRY = "nothing of it was used; push the image again, or check the registry's storage and any cache before it";

/** The registry answered for `what` (`layer sha256:...`) with content of another digest, which is not told: it would let content of few bits be guessed. */
export function wrongContent(session: Session, what: string) {
  const message = `the registry answered for ${what} of ${session.name} with content of another digest; ${CHECK_REGISTRY}`;
  return fail("DigestMismatch", message);
}

/** Codes of the specification, and Docker's. https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes */
const ERROR_CODES: ReadonlySet<unknown> = new Set([
  ...["BLOB_UNKNOWN", "BLOB_UPLOAD_INVALID", "BLOB_UPLOAD_UNKNOWN", "DIGEST_INVALID", "MANIFEST_BLOB_UNKNOWN", "MANIFEST_INVALID"],
  ...["MANIFEST_UNKNOWN", "MANIFEST_UNVERIFIED", "NAME_INVALID", "NAME_UNKNOWN", "SIZE_INVALID", "TAG_INVALID", "UNAUTHORIZED", "DENIED"],
  ...["UNSUPPORTED", "TOOMANYREQUESTS", "UNAVAILABLE", "UNKNOWN", "RANGE_INVALID", "PAGINATION_NUMBER_INVALID"],
]);

/** `: MANIFEST_UNKNOWN` from an error body. Only codes that are known: nothing else that a foreign server says is shown in a status. */
async function readErrorCodes(response: HttpResponse): Promise<string> {
  try {
    const body = await readBody(response, MAX_ERROR_BYTES);
    const document: unknown = JSON.parse(new TextDecoder().decode(body));
    const errors = isRecord(document) && Array.isArray(document.errors) ? document.errors : [];
    const codes = errors.flatMap((error) => (isRecord(error) && ERROR_CODES.has(error.code) ? [error.code] : []));
    return codes.length > 0 ? `: ${codes.slice(0, 3).join(", ")}` : "";
  } catch {
    return "";
  }
}
