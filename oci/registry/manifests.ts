import { type Digest, digestOf, isDigest } from "../../model/digest.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { printBytes } from "../repository/bytes.ts";
import { MAX_MANIFEST_BYTES, manifestTypes, type RawManifest } from "../repository/manifest.ts";
import { boundedBody, mediaTypeOf } from "./http.ts";
import { type Session, wrongContent } from "./session.ts";
import { entityTagOf, type TagState } from "./tag-states.ts";

const MANIFEST_TYPES: ReadonlySet<string> = new Set(Object.values(manifestTypes));
const ACCEPT = [...MANIFEST_TYPES].join(", ");

/**
 * The digest that a tag points at, by one HEAD; `undefined` when the answer does not tell, so that a GET is to. Where the registry told no digest before either, what it called the
 * manifest then is compared with what it calls it now.
 */
export async function peek(session: Session, tag: string, signal?: AbortSignal): Promise<Result<Digest | undefined>> {
  const headers = await head(session, tag, `the tag ${tag}`, signal);
  if (!headers.ok) return headers;
  const told = headers.value === undefined ? undefined : digestHeader(headers.value);
  const known = session.tagState(tag);
  if (told !== undefined || known === undefined) return ok(told);
  const isSame = headers.value !== undefined && entityTagOf(headers.value) === known.entityTag;
  return isSame ? ok(known.digest) : unlessChanged(session, tag, known, signal);
}

/** The digest that is known, where a GET on the condition that it changed says that it did not. https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2 */
async function unlessChanged(session: Session, tag: string, known: TagState, signal?: AbortSignal): Promise<Result<Digest | undefined>> {
  const headers = { accept: ACCEPT, "if-none-match": known.entityTag };
  const answer = await session.request({ method: "GET", url: session.url(`manifests/${tag}`), headers, signal });
  if (!answer.ok) return answer.error.reason === "AccessDenied" ? ok(undefined) : answer;
  await answer.value.discard();
  return ok(answer.value.status === 304 ? known.digest : undefined);
}

/**
 * True when the registry answers a HEAD as one that has this manifest and lets it be read. False when the answer does not tell: a login page, to which a
 * proxy before the registry may redirect, says 200 too.
 */
export async function holds(session: Session, digest: Digest, signal?: AbortSignal): Promise<Result<boolean>> {
  const headers = await head(session, digest, `the manifest ${digest}`, signal);
  if (!headers.ok) return headers;
  if (headers.value === undefined) return ok(false);
  const claimed = digestHeader(headers.value);
  // The header is optional: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#checking-if-content-exists-in-the-registry
  return ok(claimed === digest || (claimed === undefined && MANIFEST_TYPES.has(mediaTypeOf(headers.value))));
}

/** What the registry says that the content is; `undefined` when it says nothing, or by another hash. Some write it in capitals. */
function digestHeader(headers: Headers): Digest | undefined {
  const claimed = headers.get("docker-content-digest")?.trim().toLowerCase() ?? "";
  return isDigest(claimed) ? claimed : undefined;
}

/** The headers of a 200; `undefined` for all else but 429: a HEAD only saves a request, and never decides. The GET that follows has a body that explains. */
async function head(session: Session, reference: string, what: string, signal?: AbortSignal): Promise<Result<Headers | undefined>> {
  const url = session.url(`manifests/${reference}`);
  const answer = await session.request({ method: "HEAD", url, headers: { accept: ACCEPT }, signal });
  if (!answer.ok) return answer.error.reason === "AccessDenied" ? ok(undefined) : answer;
  const { status, headers } = answer.value;
  if (status === 429) return session.unexpected(answer.value, what);
  await answer.value.discard();
  return ok(status === 200 ? headers : undefined);
}

function imageNotFound(session: Session, reference: string) {
  return fail("ImageNotFound", `${session.name} has no image ${reference}; check the name and the tag, or push it first`);
}

/** The manifest or index behind a tag or digest; its own digest is checked. */
export async function fetchManifest(session: Session, wanted: string, signal?: AbortSignal): Promise<Result<RawManifest>> {
  const answer = await session.request({ method: "GET", url: session.url(`manifests/${wanted}`), headers: { accept: ACCEPT }, signal });
  if (!answer.ok) return answer;
  const response = answer.value;
  if (response.status === 404) {
    await response.discard();
    return imageNotFound(session, wanted);
  }
  if (response.status !== 200) return session.unexpected(response, `the manifest ${wanted}`);
  const bytes = await boundedBody(response, MAX_MANIFEST_BYTES);
  if (!bytes.ok) return bytes;
  if (bytes.value === undefined)
    return fail(
      "InvalidManifest",
      `the manifest ${wanted} of ${session.name} is larger than ${printBytes(MAX_MANIFEST_BYTES)}: it is not an image's; check the reference`,
    );
  const digest = digestOf(bytes.value);
  const claimed = isDigest(wanted) ? wanted : digestHeader(response.headers);
  if (claimed !== undefined && claimed !== digest) {
    return wrongContent(session, `manifest ${claimed}`);
  }
  const entityTag = entityTagOf(response.headers);
  if (claimed === undefined && entityTag !== undefined) session.rememberTag(wanted, { entityTag, digest });
  return ok({ bytes: bytes.value, digest, mediaType: mediaTypeOf(response.headers) });
}

/** Stores a manifest under the tag, or under its digest alone. https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-manifests */
export async function putManifest(
  session: Session,
  bytes: Uint8Array<ArrayBuffer>,
  mediaType: string,
  tag: string | undefined,
  signal?: AbortSignal,
): Promise<Result<void>> {
  const digest = digestOf(bytes);
  const url = session.url(`manifests/${tag ?? digest}`);
  const answer = await session.request({ method: "PUT", url, headers: { "content-type": mediaType }, body: bytes, signal }, "pull,push");
  if (!answer.ok) return answer;
  if (answer.value.status !== 201) return session.unexpected(answer.value, `the manifest ${tag ?? digest}`);
  const stored = digestHeader(answer.value.headers);
  await answer.value.discard();
  if (stored === undefined || stored === digest) return ok(undefined);
  return fail("DigestMismatch", `the registry of ${session.name} stored the manifest under another digest than ${digest}`);
}
