import { createHash } from "node:crypto";
import { isRecord } from "../../base/json.ts";
import { type Digest, digestOf, isDigest } from "../../model/digest.ts";
import { fail, failForNow, ok, type Result } from "../../model/result.ts";
import { printBytes, tooLarge } from "../repository/bytes.ts";
import { type Descriptor, MAX_MANIFEST_BYTES, manifestTypes, type RawManifest } from "../repository/manifest.ts";
import type { RegistryReference } from "../repository/reference.ts";
import type { Repository } from "../repository/repository.ts";
import { type HttpResponse, Interrupted, readBody } from "./http.ts";
import { createSession, type Session, type SessionOptions } from "./session.ts";

const ACCEPT = Object.values(manifestTypes).join(", ");
const MAX_TAG_PAGES = 100;
const MAX_TAG_PAGE_BYTES = 4 << 20;
/** How often a blob that breaks off is taken up again. */
const MAX_RESUMES = 4;
/** What to do when a registry returns something else than was asked for. */
const UNTRUE = "nothing of it was used; push the image again, or check the registry's storage and any cache before it";

/**
 * A repository in a registry that speaks the OCI distribution API. Make one per operation and caller: its session holds a token.
 * https://github.com/opencontainers/distribution-spec/blob/main/spec.md
 */
export function createRemoteRepository(reference: RegistryReference, options: SessionOptions): Repository {
  const session = createSession(reference, options);
  return {
    name: session.name,
    peek: (tag, signal) => peek(session, tag, signal),
    manifest: (wanted, signal) => fetchManifest(session, wanted, signal),
    blob: (descriptor, limit, signal) => fetchBlob(session, descriptor, limit, signal),
    tags: (signal) => listTags(session, signal),
    putBlob: (bytes, digest, signal) => putBlob(session, bytes, digest, signal),
    putManifest: (bytes, mediaType, tag, signal) => putManifest(session, bytes, mediaType, tag, signal),
  };
}

async function peek(session: Session, tag: string, signal?: AbortSignal): Promise<Result<Digest | undefined>> {
  const answer = await session.request({ method: "HEAD", url: session.url(`manifests/${tag}`), headers: { accept: ACCEPT }, signal });
  if (!answer.ok) return answer;
  if (answer.value.status === 404) {
    await answer.value.discard();
    return imageNotFound(session, tag);
  }
  if (answer.value.status === 429 || answer.value.status >= 500) return session.unexpected(answer.value, `the tag ${tag}`);
  // Any other trouble shows again, with a body that explains it, on the GET that follows.
  await answer.value.discard();
  const digest = answer.value.status === 200 ? answer.value.headers.get("docker-content-digest") : null;
  return ok(digest !== null && isDigest(digest) ? digest : undefined);
}

function imageNotFound(session: Session, reference: string) {
  return fail("ImageNotFound", `${session.name} has no image ${reference}; check the name and the tag, or push it first`);
}

async function fetchManifest(session: Session, wanted: string, signal?: AbortSignal): Promise<Result<RawManifest>> {
  const answer = await session.request({ method: "GET", url: session.url(`manifests/${wanted}`), headers: { accept: ACCEPT }, signal });
  if (!answer.ok) return answer;
  const response = answer.value;
  if (response.status === 404) {
    await response.discard();
    return imageNotFound(session, wanted);
  }
  if (response.status !== 200) return session.unexpected(response, `the manifest ${wanted}`);
  const bytes = await bodyOf(response, MAX_MANIFEST_BYTES);
  if (!bytes.ok) return bytes;
  if (bytes.value === undefined)
    return fail(
      "InvalidManifest",
      `the manifest ${wanted} of ${session.name} is larger than ${printBytes(MAX_MANIFEST_BYTES)}: it is not an image's; check the reference`,
    );
  const digest = digestOf(bytes.value);
  const claimed = isDigest(wanted) ? wanted : response.headers.get("docker-content-digest");
  if (claimed !== null && isDigest(claimed) && claimed !== digest) {
    return fail(
      "DigestMismatch",
      `the registry answered for manifest ${claimed} of ${session.name} with content whose digest is ${digest}; ${UNTRUE}`,
    );
  }
  return ok({ bytes: bytes.value, digest, mediaType: response.headers.get("content-type")?.split(";")[0]?.trim() ?? "" });
}

async function bodyOf(response: HttpResponse, limit: number): Promise<Result<Uint8Array | undefined>> {
  try {
    return ok(await readBody(response, limit));
  } catch (error) {
    if (error instanceof Interrupted) return { ok: false, error: error.failure };
    throw error;
  }
}

/** Fetches a blob into memory, takes it up where it broke off, and proves its digest. https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-blobs */
async function fetchBlob(
  session: Session,
  { digest, size }: Descriptor,
  limit: number,
  signal?: AbortSignal,
): Promise<Result<Uint8Array<ArrayBuffer>>> {
  if (size > limit) return fail("ModuleTooLarge", tooLarge(`layer ${digest} of ${session.name}`, size, limit));
  const blob = new Uint8Array(size);
  let hash = createHash("sha256");
  let received = 0;
  let cause = "";
  for (let attempt = 0; attempt <= MAX_RESUMES; attempt++) {
    if (attempt > 0) session.retried();
    const headers: Record<string, string> = received > 0 ? { range: `bytes=${received}-` } : {};
    const answer = await session.request({ method: "GET", url: session.url(`blobs/${digest}`), headers, signal });
    if (!answer.ok) return answer;
    const response = answer.value;
    const start = startOf(response, received);
    if (start === undefined) return blobRefused(session, response, digest, received, size);
    if (start === 0 && received > 0) {
      hash = createHash("sha256");
      received = 0;
    }
    try {
      for await (const chunk of response.chunks()) {
        if (received + chunk.byteLength > size) {
          return fail(
            "DigestMismatch",
            `layer ${digest} of ${session.name} goes on after the ${size} bytes that its manifest names; ${UNTRUE}`,
          );
        }
        blob.set(chunk, received);
        hash.update(chunk);
        received += chunk.byteLength;
      }
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
      if (error.failure.reason === "Canceled") return { ok: false, error: error.failure };
      cause = `: ${error.failure.message}`;
    }
    if (received === size) return proven(session, blob, digest, `sha256:${hash.digest("hex")}`);
  }
  return truncated(session, digest, received, size, cause);
}

/** Where in the blob this answer begins: `undefined` when it is no part of it. */
function startOf(response: HttpResponse, asked: number): number | undefined {
  if (response.status === 200) return 0;
  const range = /^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "");
  return response.status === 206 && asked > 0 && Number(range?.[1]) === asked ? asked : undefined;
}

async function blobRefused(session: Session, response: HttpResponse, digest: Digest, received: number, size: number) {
  if (response.status === 404) {
    await response.discard();
    return fail("BlobNotFound", `${session.name} lacks layer ${digest}, which its manifest names; push the image again`);
  }
  if (response.status === 416 || response.status === 206) {
    await response.discard();
    return truncated(session, digest, received, size, "");
  }
  return session.unexpected(response, `layer ${digest}`);
}

function proven(session: Session, blob: Uint8Array<ArrayBuffer>, digest: Digest, actual: string): Result<Uint8Array<ArrayBuffer>> {
  if (actual === digest) return ok(blob);
  const message = `the registry answered for layer ${digest} of ${session.name} with content whose digest is ${actual}; ${UNTRUE}`;
  return fail("DigestMismatch", message);
}

function truncated(session: Session, digest: Digest, received: number, size: number, cause: string) {
  return failForNow("TruncatedBlob", `layer ${digest} of ${session.name} ended after ${received} of ${size} bytes${cause}`);
}

async function listTags(session: Session, signal?: AbortSignal): Promise<Result<readonly string[]>> {
  const tags: string[] = [];
  let url: URL | null = session.url("tags/list");
  for (let page = 0; url !== null && page < MAX_TAG_PAGES; page++) {
    const answer: Result<HttpResponse> = await session.request({ method: "GET", url, signal });
    if (!answer.ok) return answer;
    const response = answer.value;
    if (response.status === 404) {
      await response.discard();
      return fail("ImageNotFound", `${session.name} does not exist in the registry`);
    }
    if (response.status !== 200) return session.unexpected(response, "the list of tags");
    const body = await bodyOf(response, MAX_TAG_PAGE_BYTES);
    if (!body.ok) return body;
    const found = readTags(body.value);
    if (found === undefined) return fail("RegistryRefused", `the list of tags of ${session.name} is not what a registry answers`);
    tags.push(...found);
    const next = /<([^>]+)>\s*;\s*rel="?next"?/.exec(response.headers.get("link") ?? "")?.[1];
    const nextUrl: URL | null = next === undefined ? null : URL.parse(next, url.href);
    url = nextUrl?.origin === url.origin ? nextUrl : null;
  }
  return ok([...new Set(tags)].sort());
}

function readTags(body: Uint8Array | undefined): string[] | undefined {
  try {
    const document: unknown = JSON.parse(new TextDecoder().decode(body));
    const tags = isRecord(document) ? (document.tags ?? []) : undefined;
    return Array.isArray(tags) ? tags.filter((tag) => typeof tag === "string") : undefined;
  } catch {
    return undefined;
  }
}

/** One POST for a place, one PUT with the bytes. https://github.com/opencontainers/distribution-spec/blob/main/spec.md#post-then-put */
async function putBlob(session: Session, bytes: Uint8Array<ArrayBuffer>, digest: Digest, signal?: AbortSignal): Promise<Result<void>> {
  const there = await session.request({ method: "HEAD", url: session.url(`blobs/${digest}`), signal }, "pull,push");
  if (!there.ok) return there;
  await there.value.discard();
  if (there.value.status === 200) return ok(undefined);
  const started = await session.request({ method: "POST", url: session.url("blobs/uploads/"), signal }, "pull,push");
  if (!started.ok) return started;
  const place = started.value.headers.get("location");
  if (started.value.status !== 202 || place === null) return session.unexpected(started.value, "an upload");
  await started.value.discard();
  const url = URL.parse(place, started.value.url.href);
  if (url === null) return fail("RegistryRefused", `the registry of ${session.name} names no usable place for an upload`);
  url.searchParams.set("digest", digest);
  const headers = { "content-type": "application/octet-stream" };
  const done = await session.request({ method: "PUT", url, headers, body: bytes, signal }, "pull,push");
  if (!done.ok) return done;
  if (done.value.status !== 201) return session.unexpected(done.value, `the upload of ${digest}`);
  await done.value.discard();
  return ok(undefined);
}

async function putManifest(
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
