import type { BlobDigest } from "../../model/digest.ts";
import { type Failure, fail, ok, type Result } from "../../model/result.ts";
import type { BlobDescriptor } from "../repository/manifest.ts";
import { Broken } from "../repository/transfer.ts";
import type { HttpRequest } from "./http.ts";
import type { Session } from "./session.ts";

/** True when the registry says that it has the blob. Anything else but 200 tells nothing. */
export async function holdsBlob(session: Session, digest: BlobDigest, signal?: AbortSignal): Promise<Result<boolean>> {
  const there = await session.request({ method: "HEAD", url: session.url(`blobs/${digest}`), signal }, "pull,push");
  if (!there.ok) return there.error.reason === "AccessDenied" ? ok(false) : there;
  await there.value.discard();
  return ok(there.value.status === 200);
}

/** Uploads a blob unless it is there. A HEAD only saves an upload, and never decides. */
export async function putBlob(
  session: Session,
  bytes: Uint8Array<ArrayBuffer>,
  digest: BlobDigest,
  signal?: AbortSignal,
): Promise<Result<void>> {
  const there = await holdsBlob(session, digest, signal);
  if (!there.ok) return there;
  if (there.value) return ok(undefined);
  const place = await startUpload(session, signal);
  return place.ok ? upload(session, place.value, digest, bytes, signal) : place;
}

/** Asks for a place for an upload. https://github.com/opencontainers/distribution-spec/blob/main/spec.md#post-then-put */
export async function startUpload(session: Session, signal?: AbortSignal): Promise<Result<URL>> {
  const started = await session.request({ method: "POST", url: session.url("blobs/uploads/"), signal }, "pull,push");
  if (!started.ok) return started;
  const place = started.value.headers.get("location");
  if (started.value.status !== 202 || place === null) return session.unexpected(started.value, "an upload");
  await started.value.discard();
  const url = URL.parse(place, started.value.url.href);
  if (url === null) return fail("RegistryRefused", `the registry of ${session.name} names no usable place for an upload`);
  return ok(url);
}

/** Uploads a blob to its place as it comes. The registry checks the digest. */
export async function uploadStream(
  session: Session,
  place: URL,
  { digest, size }: BlobDescriptor,
  pieces: AsyncIterable<Uint8Array>,
  signal?: AbortSignal,
): Promise<Result<void>> {
  let broken: Failure | undefined;
  const body = { byteLength: size, pieces: noting(pieces, (failure) => (broken = failure)) };
  const done = await upload(session, place, digest, body, signal);
  return broken === undefined ? done : { ok: false, error: broken };
}

async function upload(
  session: Session,
  place: URL,
  digest: BlobDigest,
  body: NonNullable<HttpRequest["body"]>,
  signal?: AbortSignal,
): Promise<Result<void>> {
  const url = new URL(place);
  url.searchParams.set("digest", digest);
  const headers = { "content-type": "application/octet-stream" };
  const done = await session.request({ method: "PUT", url, headers, body, signal }, "pull,push");
  if (!done.ok) return done;
  if (done.value.status !== 201) return session.unexpected(done.value, `the upload of ${digest}`);
  await done.value.discard();
  return ok(undefined);
}

/** What breaks a request's body is told by the request as something else. */
async function* noting(pieces: AsyncIterable<Uint8Array>, note: (failure: Failure) => void): AsyncGenerator<Uint8Array> {
  try {
    yield* pieces;
  } catch (error) {
    if (error instanceof Broken) note(error.failure);
    throw error;
  }
}

/** Has the registry take a blob over from another of its repositories. https://github.com/opencontainers/distribution-spec/blob/main/spec.md#mounting-a-blob-from-another-repository */
export async function mountBlob(session: Session, digest: BlobDigest, from: string, signal?: AbortSignal): Promise<Result<boolean>> {
  const url = session.url("blobs/uploads/");
  url.searchParams.set("mount", digest);
  url.searchParams.set("from", from);
  const answer = await session.request({ method: "POST", url, signal }, "pull,push");
  if (!answer.ok) return answer;
  // Anything but 201: it was not taken over, and an upload says why if that is refused too.
  await answer.value.discard();
  return ok(answer.value.status === 201);
}
