import { type Digest, digestOf, isDigest } from "../../model/digest.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { printBytes } from "../repository/bytes.ts";
import { MAX_MANIFEST_BYTES, manifestTypes, type RawManifest } from "../repository/manifest.ts";
import { boundedBody } from "./http.ts";
import { type Session, wrongContent } from "./session.ts";

const ACCEPT = Object.values(manifestTypes).join(", ");

/** The digest that a tag points at, by one HEAD; `undefined` when the answer does not tell. */
export async function peek(session: Session, tag: string, signal?: AbortSignal): Promise<Result<Digest | undefined>> {
  const answer = await session.request({ method: "HEAD", url: session.url(`manifests/${tag}`), headers: { accept: ACCEPT }, signal });
  if (!answer.ok) return answer;
  if (answer.value.status === 404) {
    await answer.value.discard();
    return imageNotFound(session, tag);
  }
  if (answer.value.status === 429 || answer.value.status >= 500) return session.unexpected(answer.value, `the tag ${tag}`);
  // Any other failure shows again on the GET that follows, with a body that explains it.
  await answer.value.discard();
  const digest = answer.value.status === 200 ? answer.value.headers.get("docker-content-digest") : null;
  return ok(digest !== null && isDigest(digest) ? digest : undefined);
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
  const claimed = isDigest(wanted) ? wanted : response.headers.get("docker-content-digest");
  if (claimed !== null && isDigest(claimed) && claimed !== digest) {
    return wrongContent(session, `manifest ${claimed}`);
  }
  return ok({ bytes: bytes.value, digest, mediaType: response.headers.get("content-type")?.split(";")[0]?.trim() ?? "" });
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
  const stored = answer.value.headers.get("docker-content-digest");
  await answer.value.discard();
  if (stored === null || stored === digest) return ok(undefined);
  return fail("DigestMismatch", `the registry of ${session.name} stored the manifest as ${stored}, not as ${digest}`);
}
