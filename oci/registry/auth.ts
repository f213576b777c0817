import { fieldsOf } from "../../base/json.ts";
import { clip } from "../../base/text.ts";
import type { Credentials } from "../../model/module.ts";
import { fail, failForNow, ok, type Result } from "../../model/result.ts";
import { IDENTITY_TOKEN_USER } from "../credentials/keychain.ts";
import { type HttpOptions, type HttpRequest, Interrupted, readBody, schemeFor, send, unavailable } from "./http.ts";
import { later, retryAfterOf } from "./retry-after.ts";

/** One challenge of a WWW-Authenticate header. The scheme and the parameters' names are lower case. */
export interface Challenge {
  readonly scheme: string;
  readonly parameters: Readonly<Record<string, string>>;
}

const MAX_HEADER = 8192;
const MAX_TOKEN_BYTES = 1 << 20;
const PART = /\s*(?:([a-zA-Z0-9!#$%&'*+.^_`|~-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))|(?=\s|,|$)))\s*,?/y;

/** Reads the challenges of a WWW-Authenticate header; unreadable ones are left out. https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1 */
export function parseChallenges(header: string): readonly Challenge[] {
  const challenges: { scheme: string; parameters: Record<string, string> }[] = [];
  const text = header.slice(0, MAX_HEADER);
  PART.lastIndex = 0;
  for (let match = PART.exec(text); match !== null && match[0] !== ""; match = PART.exec(text)) {
    const [, name = "", quoted, plain] = match;
    const value = quoted?.replace(/\\(.)/g, "$1") ?? plain;
    if (value === undefined) challenges.push({ scheme: name.toLowerCase(), parameters: {} });
    else Object.assign(challenges.at(-1)?.parameters ?? {}, { [name.toLowerCase()]: value });
  }
  return challenges;
}

export function basicAuthorization({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

export interface ChallengedRequest {
  /** Where the 401 came from. Must be the registry itself. */
  readonly url: URL;
  readonly wwwAuthenticate: string;
  readonly credentials: Credentials | undefined;
  /** What the request needs, when the challenge does not say: `repository:NAME:pull`. */
  readonly scope: string;
  /** The reference as people know it, for messages. */
  readonly where: string;
  readonly signal: AbortSignal | undefined;
}

/**
 * Answers a registry's 401 with an Authorization header for the next try: Basic with the credentials, or a Bearer token from the realm
 * that the registry names (asked for with the credentials, or anonymously). Credentials go only to the registry that sent the 401 and
 * to the realm that it names, and to the realm only over HTTPS, unless the registry itself uses plain HTTP.
 * Fails with `AccessDenied`, or retryable when the realm is down. https://distribution.github.io/distribution/spec/auth/token/
 */
export async function answerChallenge(http: HttpOptions, request: ChallengedRequest): Promise<Result<string>> {
  const challenges = parseChallenges(request.wwwAuthenticate);
  const bearer = challenges.find(({ scheme }) => scheme === "bearer");
  if (bearer !== undefined) return fetchToken(http, request, bearer.parameters);
  if (challenges.some(({ scheme }) => scheme === "basic")) {
    if (request.credentials !== undefined) return ok(basicAuthorization(request.credentials));
    return denied(request, "it asks for credentials and none are given for this registry");
  }
  return denied(request, "it asks for a kind of authentication that is neither Basic nor Bearer");
}

async function fetchToken(http: HttpOptions, request: ChallengedRequest, parameters: Challenge["parameters"]): Promise<Result<string>> {
  const realm = URL.parse(parameters.realm ?? "");
  if (realm === null) return denied(request, "its token realm is not a URL");
  const allowed =
    realm.protocol === "https:" || (realm.protocol === "http:" && request.url.protocol === "http:" && isPlainRealm(http, realm, request));
  if (!allowed) return denied(request, `its token realm at ${realm.host} is not HTTPS, so no credentials are sent there`);
  const answer = await send(http, tokenRequest(realm, request, parameters));
  if (!answer.ok) return answer;
  const { status } = answer.value;
  if (status !== 200) {
    const retryAfterMs = retryAfterOf(answer.value.headers, http.clock.now());
    await answer.value.discard();
    if (status === 429)
      return later(
        failForNow("RateLimited", `${realm.host}, which issues tokens for ${request.where}, asks for fewer requests; try later`),
        retryAfterMs,
      );
    if (status >= 500) return later(unavailable(realm, "it gives no tokens now"), retryAfterMs);
    return denied(request, `${realm.host} gave no token`);
  }
  return readToken(request, realm, () => readBody(answer.value, MAX_TOKEN_BYTES));
}

/** A GET with Basic credentials or none; for an identity token the OAuth2 POST. https://distribution.github.io/distribution/spec/auth/oauth/ */
function tokenRequest(realm: URL, request: ChallengedRequest, parameters: Challenge["parameters"]): HttpRequest {
  const { credentials, scope, signal } = request;
  const registry = request.url.origin;
  const scopes = parameters.scope ?? scope;
  if (credentials?.username === IDENTITY_TOKEN_USER) {
    const form = new URLSearchParams({
      grant_type: "refresh_token",
      refresh_token: credentials.password,
      client_id: "weir",
      scope: scopes,
    });
    if (parameters.service !== undefined) form.set("service", parameters.service);
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    return { method: "POST", url: realm, registry, headers, body: new TextEncoder().encode(form.toString()), signal };
  }
  const url = new URL(realm);
  if (parameters.service !== undefined) url.searchParams.set("service", parameters.service);
  for (const one of scopes.split(" ").filter((each) => each !== "")) url.searchParams.append("scope", one);
  if (credentials === undefined) return { method: "GET", url, registry, signal };
  url.searchParams.set("account", credentials.username);
  return { method: "GET", url, registry, authorization: basicAuthorization(credentials), signal };
}

async function readToken(request: ChallengedRequest, realm: URL, read: () => Promise<Uint8Array | undefined>): Promise<Result<string>> {
  let document: unknown;
  try {
    document = JSON.parse(new TextDecoder().decode((await read()) ?? new Uint8Array()));
  } catch (error) {
    if (error instanceof Interrupted) return { ok: false, error: error.failure };
    return denied(request, `${realm.host} answered with something that is not a token`);
  }
  const { token: own, access_token: other } = fieldsOf(document);
  // A header cannot carry anything else, and an error about it would quote the token.
  const token = [own, other].find((each): each is string => typeof each === "string" && /^[\x21-\x7e]+$/.test(each));
  if (token === undefined) return denied(request, `${realm.host} answered with something that is not a token`);
  return ok(`Bearer ${token}`);
}

/** A registry that uses plain HTTP may name a realm that does too. */
function isPlainRealm(http: HttpOptions, realm: URL, request: ChallengedRequest): boolean {
  return realm.host === request.url.host || schemeFor(realm.host, http.plainHttp) === "http:";
}

/** Which credentials, for messages. */
export function shown({ implied, username }: Credentials): string {
  return implied ?? `the credentials of user ${JSON.stringify(clip(username, 100))}`;
}

/** Access denied. The message tells whether credentials were missing or wrong. */
export function denied(request: Pick<ChallengedRequest, "where" | "credentials">, why: string) {
  const advice =
    request.credentials === undefined
      ? "check the name; if the image is private, name a pull secret for this registry in spec.pullSecrets (on the command line: weir login)"
      : `${shown(request.credentials)} were used; check them and what they may read`;
  return fail("AccessDenied", `access to ${request.where} is denied: ${why}; ${advice}`);
}
